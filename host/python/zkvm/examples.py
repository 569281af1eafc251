"""Examples for a model in a .npz file: an array for each input, by its name, with an axis of examples first."""

import dataclasses
import math
import zipfile
from collections.abc import Iterator

import numpy as np

from .errors import Refused


@dataclasses.dataclass(frozen=True)
class Port:
    """An input of a model: float32 or whole numbers of a fixed shape."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype

    def fits(self, shape: tuple[int, ...]) -> bool:
        """Whether that is an example's shape; a batch of one may be left out."""
        return shape == self.shape or (self.shape[:1] == (1,) and shape == self.shape[1:])


def save_arrays(path: str, arrays: dict[str, np.ndarray]) -> None:
    """An .npz of these: numpy's own function takes names of arguments of its, "file" for one, for something else."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)


class Examples:
    """Yields one example after the other as {input: array of the model's shape}; keeps none of them in memory."""

    def __init__(self, path: str, ports: list[Port]):
        """Raises Refused where the file's arrays are not examples for these ports."""
        self.path, self.ports = path, ports
        with self._archive() as archive:
            self._check_names(archive)
            counts = {port.name: self._open(archive, port)[1] for port in ports}
        self.count = min(counts.values())
        if self.count != max(counts.values()):
            raise Refused(f"{path}: expected as many examples of each input, found {counts}")
        if self.count == 0:
            raise Refused(f"{path}: expected examples, found none")

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        with self._archive() as archive:
            members = [self._open(archive, port)[0] for port in self.ports]
            for _ in range(self.count):
                yield {port.name: self._example(member, port) for member, port in zip(members, self.ports)}

    def _archive(self) -> zipfile.ZipFile:
        try:
            return zipfile.ZipFile(self.path)
        except (OSError, zipfile.BadZipFile) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise Refused(f"{self.path}: expected numpy's .npz file: {reason}") from error

    def _check_names(self, archive: zipfile.ZipFile) -> None:
        found = sorted(name.removesuffix(".npy") for name in archive.namelist())
        wanted = sorted(port.name for port in self.ports)
        if found != wanted:
            raise Refused(f"{self.path}: expected arrays named as the model's inputs {wanted}, found {found}")

    def _open(self, archive: zipfile.ZipFile, port: Port):
        """The array behind its header, and how many examples it has."""
        where = f"{self.path}: {port.name}"
        try:
            member = archive.open(port.name + ".npy")
            version = np.lib.format.read_magic(member)
            read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, is_fortran, dtype = read[version](member)
        except (ValueError, KeyError, EOFError, NotImplementedError, RuntimeError, zipfile.BadZipFile) as error:
            raise Refused(f"{where}: no array that numpy wrote") from error
        if dtype != port.dtype:
            raise Refused(f"{where}: expected {port.dtype}, found {dtype}; convert it: x.astype(numpy.{port.dtype})")
        if not shape or not port.fits(shape[1:]):
            raise Refused(f"{where}: expected the shape {['examples', *port.shape]}, found {list(shape)}")
        if is_fortran and len(shape) > 1:
            raise Refused(f"{where}: expected C order, found Fortran's; convert it: numpy.ascontiguousarray(x)")
        return member, shape[0]

    def _example(self, member, port: Port) -> np.ndarray:
        size = math.prod(port.shape) * port.dtype.itemsize
        try:
            data = member.read(size)
        except (zipfile.BadZipFile, EOFError, OSError) as error:
            raise Refused(f"{self.path}: {port.name}: {error}") from error
        if len(data) != size:
            raise Refused(f"{self.path}: {port.name}: the file ends before its last example")
        array = np.frombuffer(data, port.dtype).reshape(port.shape)
        if port.dtype.kind == "f" and not np.isfinite(array).all():
            raise Refused(f"{self.path}: {port.name}: expected finite numbers, found infinity or NaN")
        return array
