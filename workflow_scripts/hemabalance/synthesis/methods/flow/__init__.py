"""Class-conditional rectified flow (Liu et al. 2023, arXiv:2209.03003): one network for classes of every size."""

from hemabalance.synthesis.flow_settings import FlowTrainingSettings
from hemabalance.synthesis.method import GeneratorTraits


class FlowSettings(FlowTrainingSettings):
    """Rectified flow (Liu et al. 2023): one network learns all classes, so that rare ones borrow from common ones."""


TRAITS = GeneratorTraits(trains_networks=True, serves="all", meta_learned=False)
