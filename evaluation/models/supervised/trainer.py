"""A network that is fine-tuned: what of it learns, and an epoch of it."""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from evaluation import records
from evaluation.errors import ModelError
from evaluation.models.cards import parameters
from evaluation.models.supervised.augmentation import Augmentation
from evaluation.models.supervised.heads import check_support, fit_logistic_regression
from evaluation.models.supervised.schedule import adamw, judged, plan_of, require_finite
from evaluation.models.supervised.trunks import Trunk, below
from evaluation.stores.feeding import batched, in_advance, is_out_of_memory

DEFAULTS = {"epochs": 10, "batch_size": 32, "learning_rate": 3e-4, "weight_decay": 0.05}


class Trainer:
    """A network, its optimiser and its photos: what an epoch changes."""

    def __init__(
        self,
        trunk: Trunk,
        spec: records.ModelSpec,
        photos: records.TrainingPhotos,
        device: torch.device,
    ) -> None:
        from timm.utils import ModelEmaV3

        self.plan = plan = plan_of(spec.training or records.TrainingSpec(), **DEFAULTS)
        self.device = device
        self._spec, self._photos, self._pretrained = spec, photos, trunk.pretrained
        self._transform = transform = trunk.transform
        self._view: Callable[[Image.Image, int], torch.Tensor] = lambda image, _: transform(image)
        if spec.augmentation:
            self._view = Augmentation(spec.augmentation, trunk.preprocess, seed=photos.seed).view
        self._index = {label: number for number, label in enumerate(photos.classes)}
        self._head = nn.Linear(trunk.dim, len(photos.classes))
        self._network = nn.Sequential(OrderedDict(trunk=trunk.module, head=self._head)).to(device)
        self._network.to(memory_format=torch.channels_last)
        self._learning: list[nn.Module] = [self._network]
        if plan.blocks is not None:
            self._learning = [*last_parts(trunk.module, plan.blocks), self._head]
            self._network.requires_grad_(requires_grad=False)
            for part in self._learning:
                part.requires_grad_(requires_grad=True)
        weights = [weight for weight in self._network.parameters() if weight.requires_grad]
        self.trained_parameters = sum(weight.numel() for weight in weights)
        self.parameters = parameters(self._network)
        self._optimiser = adamw(weights, decay=plan.weight_decay or 0.0, rate=plan.learning_rate)
        self._mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._average = ModelEmaV3(self._network, plan.ema) if plan.ema else None
        self._at_once = plan.batch_size
        """Photos of a batch that go through together."""

    # ------------------------------------------------------------- start and state

    def start(self) -> None:
        """The head's first weights: a linear probe of a pretrained trunk, else small ones."""
        classes, seed = self._photos.classes, self._photos.seed
        if self._pretrained:
            train, validation = map(self._support, (self._photos.train, self._photos.validation))
            probe = fit_logistic_regression(classes, train, validation, seed=seed)
            weight, bias = torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)
        else:
            labels = self._truth(self._photos.train)
            nothing = np.zeros((len(labels), 1))
            check_support(classes, records.Support(embeddings=nothing, labels=labels))
            generator = torch.Generator().manual_seed(seed)
            weight = torch.randn(self._head.weight.shape, generator=generator) * 0.01
            bias = torch.zeros(len(classes))
        self._head.load_state_dict({"weight": weight.float(), "bias": bias.float()})
        if self._average is not None:
            self._average.set(self._network)

    def _support(self, part: Sequence[records.Sample]) -> records.Support:
        """The pooled features of photos as they are, with their labels."""
        features = np.empty((0, self._head.in_features), dtype=np.float32)
        if part:
            features = self._through(part, self._network.get_submodule("trunk")).numpy()
        return records.Support(embeddings=features, labels=self._truth(part))

    def _truth(self, part: Sequence[records.Sample]) -> records.IntArray:
        """(N,) class indices of photos."""
        return np.array([self._index[sample.label] for sample in part], dtype=np.int64)

    @property
    def kept(self) -> nn.Module:
        """What is judged: the moving average (Polyak and Juditsky 1992) where one is declared."""
        return self._network if self._average is None else self._average.module

    def tensors(self) -> dict[str, torch.Tensor]:
        """All that the next epoch depends on."""
        tensors = {f"network.{key}": tensor for key, tensor in self._network.state_dict().items()}
        if self._average is not None:
            average = self._average.module.state_dict()
            tensors |= {f"average.{key}": tensor for key, tensor in average.items()}
        for number, state in self._optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{key}": tensor for key, tensor in state.items()}
        return tensors

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        """Back to where the tensors were taken."""
        self._network.load_state_dict(below("network.", tensors))
        if self._average is not None:
            self._average.module.load_state_dict(below("average.", tensors))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in below("optimiser.", tensors).items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = tensor
        groups = self._optimiser.state_dict()["param_groups"]
        self._optimiser.load_state_dict({"state": state, "param_groups": groups})

    # -------------------------------------------------------------------- an epoch

    def run_epoch(self, number: int) -> records.TrainingEpoch:
        """One pass over the training photos, then one over the validation photos.

        Its order, dropout and views are drawn from (seed, epoch); kernels are those that repeat
        themselves.  Normalisations learn their statistics when the whole network learns; those of
        a few blocks keep the trunk's, which come from many more photos than a batch.
        """
        photos, seed, backend = self._photos.train, self._photos.seed, torch.backends.cudnn
        order = np.random.default_rng([seed, number]).permutation(len(photos))
        # Batches of about the same size: a last one of a single photo has no statistics.
        count = -(-len(order) // self.plan.batch_size)
        batches = [[photos[row] for row in rows] for rows in np.array_split(order, count)]
        loss_sum, hits, rate = 0.0, 0, 0.0
        with (
            torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []),
            backend.flags(enabled=backend.enabled, benchmark=False, deterministic=True),
        ):
            torch.manual_seed(int(records.digest_of([seed, number])[:12], 16))
            self._network.eval()
            for part in self._learning:
                part.train()
                for norm in () if part is self._network else _norms(part):
                    norm.eval()
            for step, images in enumerate(self._decoded(batches)):
                rate = self.plan.rate((number - 1) * count + step, count)
                pixels = self._stack([self._view(image, number) for image in images])
                loss, right = self._step(pixels, self._truth(batches[step]), rate)
                require_finite(loss, epoch=number, plan=self.plan, where=self._spec.name)
                loss_sum += loss * len(images)
                hits += right
        numbers: dict[str, float] = {}
        if held_out := self._photos.validation:
            truth = torch.from_numpy(self._truth(held_out))
            numbers = judged(self._through(held_out, self.kept), truth)
            loss = numbers["validation_loss"]
            require_finite(loss, epoch=number, plan=self.plan, where=self._spec.name)
        return records.TrainingEpoch(
            epoch=number,
            learning_rate=rate,
            train_loss=loss_sum / len(order),
            train_accuracy=hits / len(order),
            **numbers,
        )

    def _step(
        self, pixels: torch.Tensor, labels: records.IntArray, rate: float
    ) -> tuple[float, int]:
        """One step down; the loss and the right answers before it."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        truth = torch.from_numpy(labels).to(self.device)
        while (result := self._gradients(pixels, truth)) is None:
            size = min(self._at_once, len(truth))
            if size == 1 or any(norm.training for norm in _norms(self._network)):
                raise ModelError(
                    f"{size} photos do not fit into the memory of {self.device}"
                    + ("" if size == 1 else ", and batch norms that learn need them all at once"),
                    where=self._spec.name,
                    remedy="lower batch_size or blocks in [models.training], or free some memory",
                )
            self._at_once = size // 2
        self._optimiser.step()
        if self._average is not None:
            self._average.update(self._network)
        return result

    def _gradients(self, pixels: torch.Tensor, truth: torch.Tensor) -> tuple[float, int] | None:
        """The mean loss and the right answers, gradients in place; None without the memory.

        Gradients of parts of the batch add up to those of the whole.
        """
        self._optimiser.zero_grad()
        loss_sum, right = 0.0, 0
        parts = (torch.split(whole, self._at_once) for whole in (pixels, truth))
        try:
            for some, labels in zip(*parts, strict=True):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
                    logits = self._network(some)
                    loss = nn.functional.cross_entropy(
                        logits.float(), labels, label_smoothing=self.plan.label_smoothing
                    )
                share = loss * (len(labels) / len(truth))
                share.backward()  # type: ignore[no-untyped-call]
                loss_sum += float(share.item())
                right += int((logits.argmax(dim=1) == labels).sum())
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        return loss_sum, right

    # ------------------------------------------------------------------ forward passes

    def _through(self, part: Sequence[records.Sample], module: nn.Module) -> torch.Tensor:
        """(N, …) what a module gives of photos as they are."""
        module.eval()
        rows = []
        with torch.inference_mode():
            for images in self._decoded(batched(part, self.plan.batch_size)):
                pixels = self._stack([self._transform(image) for image in images])
                rows.append(module(pixels).float().cpu())
        return torch.cat(rows)

    def _stack(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(pixels)).to(self.device, memory_format=torch.channels_last)

    def _decoded(self, batches: Sequence[Sequence[records.Sample]]) -> Iterator[list[Image.Image]]:
        """The photos of batches, which threads decode one batch ahead."""
        for _, photos in in_advance(batches, self._photos.load):
            yield [photo.result() for photo in photos]


def last_parts(trunk: nn.Module, blocks: int) -> list[nn.Module]:
    """The parts of a trunk from the start of its ``blocks`` last blocks to its end.

    A block is what the architecture repeats: a residual or dense layer, a transformer layer, a
    lone convolution.  Sequences of blocks are opened, and so is a wrapper that holds most of
    the weights; normalisations between blocks go with what is around them.
    """
    parts, total = [], parameters(trunk)

    def opened(module: nn.Module) -> None:
        # In the order of the forward pass, which is that of their declaration.
        for child in module.children():
            sequence = isinstance(child, nn.Sequential | nn.ModuleList | nn.ModuleDict)
            wrapper = 2 * parameters(child) > total and next(child.children(), None) is not None
            if sequence or wrapper:
                opened(child)
            else:
                parts.append(child)

    opened(trunk)
    starts = [i for i, part in enumerate(parts) if any(w.ndim > 1 for w in part.parameters())]
    return parts[starts[-min(blocks, len(starts))] :] if starts else parts


def _norms(module: nn.Module) -> list[nn.Module]:
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]
