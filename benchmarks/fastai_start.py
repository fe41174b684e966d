"""What the scripts that run fastai share; imported before fastai, by an interpreter that has it.

A torchvision built for CUDA beside a torch for the CPU fails to import unless the operators of its
extension are declared; nothing here calls them.
"""

import os
import time
from pathlib import Path

import torch

_operators = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _operators.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def since_start() -> float:
    """Seconds since the kernel started this process (Linux)."""
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
