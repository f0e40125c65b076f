"""The convolutional part of ResNet-50 (He et al. 2016, arXiv:1512.03385), for its activations.

A convolution of 7 x 7 and the maximum of 3 x 3 pixels, each with stride 2, then four stages of 3, 4, 6 and 3
bottlenecks: ``y = rectifier(x' + f(x))``, where ``f`` is convolutions of 1 x 1, 3 x 3 and 1 x 1 and ``x'`` is ``x``,
brought by a convolution of 1 x 1 to the shape of ``f(x)`` in the first block of a stage. The stride of a stage is in
the convolution of 3 x 3, as in torchvision, whose names of parameters these are.

Weights are drawn at random (He et al. 2015, arXiv:1502.01852); ``voxlate.networks.frozen.pretrained`` reads those that
a user has in a file.
"""

from __future__ import annotations

from torch import Tensor, nn

_BLOCKS = (3, 4, 6, 3)
_WIDTHS = (64, 128, 256, 512)
_EXPANSION = 4
"""How many times as many channels a bottleneck gives as it works with."""


class ResNet50(nn.Module):
    """ResNet-50 without its classifier, of pictures in red, green and blue."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, _WIDTHS[0], 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(_WIDTHS[0])
        self.act = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1)
        inputs = _WIDTHS[0]
        for number, (blocks, width) in enumerate(zip(_BLOCKS, _WIDTHS, strict=True), 1):
            first = _Bottleneck(inputs, width, stride=1 if number == 1 else 2)
            inputs = width * _EXPANSION
            rest = [_Bottleneck(inputs, width) for _ in range(blocks - 1)]
            self.add_module(f"layer{number}", nn.Sequential(first, *rest))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """``(b, 3, h, w)``, normalised, to features ``(b, 2048)``, each the mean over the picture."""
        features = self.maxpool(self.act(self.bn1(self.conv1(pictures))))
        for number in range(1, len(_BLOCKS) + 1):
            features = self.get_submodule(f"layer{number}")(features)
        pooled: Tensor = self.avgpool(features)
        return pooled.flatten(1)


class _Bottleneck(nn.Module):
    """Three convolutions whose input is added to their output; the outer two are of 1 x 1 and change the channels.

    Args:
        inputs: Channels that come in.
        width: Channels of the convolution of 3 x 3; four times as many go out.
        stride: Of the convolution of 3 x 3.
    """

    def __init__(self, inputs: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        outputs = width * _EXPANSION
        # Made first: a network drawn from a seed stays the one it was when MONAI built it in this order.
        shortcut = None
        if stride != 1 or inputs != outputs:
            shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False), nn.BatchNorm2d(outputs))
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.act = nn.ReLU(inplace=True)
        self.downsample = shortcut

    def forward(self, features: Tensor) -> Tensor:
        """``(b, inputs, h, w)`` to ``(b, 4 width, h / stride, w / stride)``."""
        change = self.act(self.bn1(self.conv1(features)))
        change = self.act(self.bn2(self.conv2(change)))
        kept = features if self.downsample is None else self.downsample(features)
        total: Tensor = self.act(self.bn3(self.conv3(change)) + kept)
        return total
