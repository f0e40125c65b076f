import torch
from torch.nn import functional as F


def bce(*, dims, data_range):
    def loss(p, t, m, *, labels=None):
        return (F.binary_cross_entropy_with_logits(p.float(), t, reduction="none") * m).sum() / (
            m.sum() * p.shape[1]
        ).clamp(min=1)

    return loss


def dice(*, dims, data_range):
    def loss(p, t, m, *, labels=None):
        q = torch.sigmoid(p.float()) * m
        t = t * m
        ax = tuple(range(2, p.dim()))
        return 1 - ((2 * (q * t).sum(ax) + 1e-5) / (q.sum(ax) + t.sum(ax) + 1e-5)).mean()

    return loss
