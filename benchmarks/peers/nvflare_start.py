"""Where the comparison's job starts: at zero. Nothing is written, since what comes back is sealed.

NVFlare's own numpy persistor would hand the averaged ciphertext to ``numpy.save`` at the end of the
job and fail; its PyTorch one has a filter for that.
"""

import numpy as np
from nvflare.apis.fl_context import FLContext
from nvflare.app_common.abstract.model import ModelLearnable, make_model_learnable
from nvflare.app_common.abstract.model_persistor import ModelPersistor
from nvflare.app_common.np.constants import NPConstants


class Zeros(ModelPersistor):
    """A model of zeros.

    Parameters
    ----------
    n_columns : int
        Coefficients.
    """

    def __init__(self, n_columns: int) -> None:
        super().__init__()
        self.n_columns = n_columns

    def load_model(self, fl_ctx: FLContext) -> ModelLearnable:
        """Return zeros."""
        weights = {NPConstants.NUMPY_KEY: np.zeros(self.n_columns)}
        return make_model_learnable(weights=weights, meta_props={})

    def save_model(self, model: ModelLearnable, fl_ctx: FLContext) -> None:
        """Write nothing: the server cannot read the model."""
