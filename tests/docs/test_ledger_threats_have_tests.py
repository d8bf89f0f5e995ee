"""Every threat to the ledger has a test of its own name in tests/threats/."""

import re
from pathlib import Path

import pytest

THREATS = Path(__file__).parents[1] / "threats"

ROWS = {
    "test_one_changed_byte_is_found": "change, insert, delete, swap any byte or leaf",
    "test_split_view_is_found": "two checkpoints of one size; sizes that do not continue",
    "test_rollback_is_found_by_one_witness": "rollback to a backup",
    "test_an_entry_of_one_branch_cannot_move_to_the_other": "heal a fork",
    "test_a_withheld_entry_stops_the_witnesses": "omit or sit on an entry",
    "test_an_old_approval_is_refused": "play a signed approval later",
    "test_backdated_entry_falls_outside_its_bracket": "backdate",
    "test_equivocation_is_evidence": "two entries under one number",
    "test_key_rotations": "rotated or revoked key; key before its join",
    "test_missing_cosigner_is_refused": "co-signer missing or surplus",
    "test_public_proof_vectors": "second preimage; proof of another size; short hash",
    "test_bad_canonical_inputs": "the same JSON in other bytes",
    "test_domains_do_not_mix": "an entry that looks like a checkpoint",
    "test_statement_escapes_everything": "an entry that looks like HTML",
    "test_a_round_opens_once": "open twice, another attempt, unwitnessed",
    "test_revoked_grant_stops_the_next_round": "contribute without a live grant",
    "test_forged_aggregate_is_not_opened": "a forged aggregate",
    "test_a_crafted_model_is_refused": "choose the point of evaluation",
    "test_an_unpinned_federation_is_refused": "play the other banks",
    "test_aggregate_names_exactly_the_contributions": "leave a party out, add a stranger",
    "test_witness_never_signs_backwards": "a witness restarts from an old state",
    "test_a_million_guesses_find_nothing": "guess a committed value",
    "test_no_field_repeats_across_subjects_entries": "link two entries of one subject",
    "test_no_personal_data_in_the_ledger": "personal data slips in",
    "test_kill_nine_loses_no_receipt": "kill -9, torn tail",
    "test_a_flipped_wal_bit_is_noticed_at_start": "a flipped bit in the WAL",
    "test_full_disk_suspends": "a full disk, a failed sync",
    "test_hostile_packages": "tricks with archives",
    "test_a_package_cannot_vouch_for_itself": "a package from a forged head",
}


@pytest.mark.parametrize("name", ROWS)
def test_the_threat_has_a_file_or_a_test_of_its_name(name: str) -> None:
    found = [
        path.name
        for path in THREATS.glob("test_*.py")
        if path.stem == name
        or re.search(rf"^def {name}\(", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]

    assert found, ROWS[name]
