"""Where the comparison's job starts. Nothing is written, since what comes back is sealed.

NVFlare's own numpy persistor would hand the averaged ciphertext to ``numpy.save`` at the end of the
job and fail; its PyTorch one has a filter for that.
"""

from pathlib import Path

import numpy as np
from nvflare.apis.fl_context import FLContext
from nvflare.app_common.abstract.model import ModelLearnable, make_model_learnable
from nvflare.app_common.abstract.model_persistor import ModelPersistor
from nvflare.app_common.np.constants import NPConstants


class First(ModelPersistor):
    """The first model: ``start.npy`` among the data where there is one, zeros otherwise.

    Parameters
    ----------
    data : str
        Folder of the sites' data.
    n_numbers : int
        Numbers of the model.
    """

    def __init__(self, data: str, n_numbers: int) -> None:
        super().__init__()
        self.data = data
        self.n_numbers = n_numbers

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """Return the first model."""
        start = Path(self.data) / "start.npy"
        numbers = np.load(start) if start.exists() else np.zeros(self.n_numbers)
        weights = {NPConstants.NUMPY_KEY: numbers}
        return make_model_learnable(weights=weights, meta_props={})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Write nothing: the server cannot read the model."""
