"""The coordinator: routes, records, adds. It holds no rows and no key, and reads nothing."""
