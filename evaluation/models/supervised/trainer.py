"""A network that is fine-tuned: its optimiser, its photos, and an epoch of it."""

import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import torch
from PIL import Image
from torch import nn

from evaluation import records
from evaluation.errors import ModelError
from evaluation.models.cards import parameters
from evaluation.models.supervised.augmentation import Augmentation
from evaluation.models.supervised.blocks import choose_what_learns, norms
from evaluation.models.supervised.logistic import check_support, fit_logistic_regression
from evaluation.models.supervised.saves import below
from evaluation.models.supervised.schedule import adamw, judged, plan_of, require_finite
from evaluation.models.supervised.trunks import Trunk
from evaluation.stores.feeding import in_advance, is_out_of_memory

EPOCHS = 10
BATCH_SIZE = 32
LEARNING_RATE = 3e-4
WEIGHT_DECAY = 0.05
DECODERS = 2
"""Threads that decode photos ahead of the training."""


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

        training = spec.training or records.TrainingSpec()
        self.plan = plan_of(
            training, epochs=EPOCHS, batch_size=BATCH_SIZE, learning_rate=LEARNING_RATE
        )
        self.device = device
        self._spec, self._photos, self._transform = spec, photos, trunk.transform
        self._pretrained, self._dim = trunk.pretrained, trunk.dim
        self._view: Callable[[Image.Image, int], torch.Tensor] = lambda image, _: self._transform(
            image
        )
        if spec.augmentation:
            self._view = Augmentation(spec.augmentation, trunk.preprocess, seed=photos.seed).view
        index = {label: number for number, label in enumerate(photos.classes)}
        self._labels = {
            sample.id: index[sample.label] for sample in (*photos.train, *photos.validation)
        }
        self._network = nn.Sequential(
            OrderedDict(trunk=trunk.module, head=nn.Linear(trunk.dim, len(photos.classes)))
        ).to(device)
        self._network.to(memory_format=torch.channels_last)
        self._learning = choose_what_learns(self._network, trunk.module, training.blocks)
        self._whole = training.blocks is None
        weights = [parameter for parameter in self._network.parameters() if parameter.requires_grad]
        self.trained_parameters = sum(weight.numel() for weight in weights)
        self.parameters = parameters(self._network)
        decay = WEIGHT_DECAY if training.weight_decay is None else training.weight_decay
        self._optimiser = adamw(weights, decay=decay, rate=self.plan.learning_rate)
        self._mixed = device.type == "cuda" and torch.cuda.is_bf16_supported()
        self._average = ModelEmaV3(self._network, training.ema) if training.ema else None
        self._at_once: int | None = None
        """Photos of a batch that go through together; None: all of them."""

    # ------------------------------------------------------------- start and state

    def start(self) -> None:
        """The head's first weights: a linear probe of a pretrained trunk, else small ones."""
        head = self._network.get_submodule("head")
        if self._pretrained:
            probe = fit_logistic_regression(
                self._photos.classes,
                self._support(self._photos.train),
                self._support(self._photos.validation) if self._photos.validation else None,
                seed=self._photos.seed,
            )
            weight, bias = torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)
        else:
            labels = self._truth(self._photos.train)
            check_support(
                self._photos.classes,
                records.Support(embeddings=np.zeros((len(labels), 1)), labels=labels),
            )
            generator = torch.Generator().manual_seed(self._photos.seed)
            shape = (len(self._photos.classes), self._dim)
            weight = torch.randn(shape, generator=generator) * 0.01
            bias = torch.zeros(len(self._photos.classes))
        head.load_state_dict({"weight": weight.float(), "bias": bias.float()})
        if self._average is not None:
            self._average.set(self._network)

    def _support(self, part: Sequence[records.Sample]) -> records.Support:
        """The pooled features of photos as they are, with their labels."""
        features = self._through(part, self._network.get_submodule("trunk")).numpy()
        return records.Support(embeddings=features, labels=self._truth(part))

    def _truth(self, part: Sequence[records.Sample]) -> records.IntArray:
        """(N,) class indices of photos."""
        return np.array([self._labels[sample.id] for sample in part], dtype=np.int64)

    def weights(self) -> Mapping[str, torch.Tensor]:
        """What would be kept if this epoch were the best."""
        return self._kept().state_dict()

    def _kept(self) -> nn.Module:
        """The moving average (Polyak and Juditsky 1992) where one is declared."""
        return self._network if self._average is None else self._average.module

    def tensors(self) -> dict[str, torch.Tensor]:
        """All that the next epoch depends on."""
        tensors = {f"network.{key}": tensor for key, tensor in self._network.state_dict().items()}
        if self._average is not None:
            tensors |= {f"average.{key}": tensor for key, tensor in self.weights().items()}
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
        """One pass over the training photos, then one over the validation photos."""
        photos = self._photos.train
        rng = np.random.default_rng([self._photos.seed, number])
        order = [photos[row] for row in rng.permutation(len(photos))]
        # Batches of about the same size: a last one of a single photo has no statistics.
        count = -(-len(order) // self.plan.batch_size)
        batches = [
            [order[row] for row in rows] for rows in np.array_split(range(len(order)), count)
        ]
        loss_sum, hits, rate = 0.0, 0, 0.0
        with self._own_randomness(number):
            self._set_training()
            for step, (batch, images) in enumerate(self._decoded(batches)):
                rate = self.plan.rate((number - 1) * count + step, count)
                pixels = self._stack([self._view(image, number) for image in images])
                loss, right = self._step(pixels, batch, rate, number)
                loss_sum += loss * len(batch)
                hits += right
        return records.TrainingEpoch(
            epoch=number,
            learning_rate=rate,
            train_loss=loss_sum / len(order),
            train_accuracy=hits / len(order),
            **self._validate(number),
        )

    def _step(
        self, pixels: torch.Tensor, batch: Sequence[records.Sample], rate: float, epoch: int
    ) -> tuple[float, int]:
        """One step down; the loss and the right answers before it."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        truth = torch.from_numpy(self._truth(batch)).to(self.device)
        while (result := self._gradients(pixels, truth)) is None:
            self._halve(len(batch))
        require_finite(result[0], epoch=epoch, plan=self.plan, where=self._spec.name)
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
        size = self._at_once or len(truth)
        try:
            for some, labels in zip(
                torch.split(pixels, size), torch.split(truth, size), strict=True
            ):
                with torch.autocast(self.device.type, torch.bfloat16, enabled=self._mixed):
                    logits = self._network(some)
                    loss = torch.nn.functional.cross_entropy(
                        logits.float(), labels, label_smoothing=self.plan.label_smoothing
                    )
                part = loss * (len(labels) / len(truth))
                part.backward()  # type: ignore[no-untyped-call]
                loss_sum += float(part.item())
                right += int((logits.argmax(dim=1) == labels).sum())
        except (MemoryError, RuntimeError) as error:
            if not is_out_of_memory(error):
                raise
            return None
        return loss_sum, right

    def _halve(self, batch_size: int) -> None:
        """Half as many photos at once from now on, in the same step."""
        size = self._at_once or batch_size
        if size == 1 or any(norm.training for norm in norms(self._network)):
            raise ModelError(
                f"{size} photos do not fit into the memory of {self.device}"
                + ("" if size == 1 else ", and batch norms that learn need them all at once"),
                where=self._spec.name,
                remedy="lower batch_size or blocks in [models.training], or free some memory",
            )
        self._at_once = size // 2

    def _validate(self, epoch: int) -> dict[str, float]:
        part = self._photos.validation
        if not part:
            return {}
        logits = self._through(part, self._kept())
        numbers = judged(logits, torch.from_numpy(self._truth(part)))
        loss = numbers["validation_loss"]
        require_finite(loss, epoch=epoch, plan=self.plan, where=self._spec.name)
        return numbers

    # ------------------------------------------------------------------ forward passes

    def _through(self, part: Sequence[records.Sample], module: nn.Module) -> torch.Tensor:
        """(N, …) what a module gives of photos as they are."""
        module.eval()
        rows, size = [], self.plan.batch_size
        batches = [part[start : start + size] for start in range(0, len(part), size)]
        with torch.inference_mode():
            for _, images in self._decoded(batches):
                pixels = self._stack([self._transform(image) for image in images])
                rows.append(module(pixels).float().cpu())
        return torch.cat(rows)

    def _stack(self, pixels: Sequence[torch.Tensor]) -> torch.Tensor:
        return torch.stack(list(pixels)).to(self.device, memory_format=torch.channels_last)

    def _decoded(
        self, batches: Sequence[Sequence[records.Sample]]
    ) -> Iterator[tuple[Sequence[records.Sample], list[Image.Image]]]:
        """Batches with their photos, which threads decode one batch ahead."""
        for batch, photos in in_advance(batches, self._photos.load, DECODERS):
            yield batch, [photo.result() for photo in photos]

    # ------------------------------------------------------------------------ modes

    def _set_training(self) -> None:
        """What learns is in training mode.

        Normalisations learn their statistics when the whole network learns; those of a few
        blocks keep the trunk's, which come from many more photos than a batch.
        """
        self._network.eval()
        for part in self._learning:
            part.train()
            for norm in () if self._whole else norms(part):
                norm.eval()

    @contextlib.contextmanager
    def _own_randomness(self, epoch: int) -> Iterator[None]:
        """Dropout is drawn from (seed, epoch), and kernels are those that repeat themselves."""
        devices = [self.device] if self.device.type == "cuda" else []
        backend = torch.backends.cudnn
        with (
            torch.random.fork_rng(devices=devices),
            backend.flags(enabled=backend.enabled, benchmark=False, deterministic=True),
        ):
            torch.manual_seed(int(records.digest_of([self._photos.seed, epoch])[:12], 16))
            yield
