"""What workers share that begin with a photo: one pass stage by stage, and a whole folder at their best speed."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from protocol import Load, Worker


class PhotoWorker(Worker):
    """decode, prepare and infer are a way's own; several threads call the first two at once."""

    threads = 1

    def decode(self, path: Path):
        from PIL import Image

        with Image.open(path) as photo:
            return photo.convert("RGB")

    def prepare_photo(self, image):
        """The model's input: one photo, as a batch of one."""
        raise NotImplementedError

    def infer(self, tensor) -> np.ndarray:
        """The scores of one photo."""
        raise NotImplementedError

    def stages(self, photo: Path) -> dict[str, float]:
        clock = time.perf_counter
        start = clock()
        image = self.decode(photo)
        decoded = clock()
        tensor = self.prepare_photo(image)
        prepared = clock()
        scores = self.infer(tensor)
        inferred = clock()
        top = np.argsort(scores.reshape(-1))[:-6:-1]
        np.exp(scores.reshape(-1)[top])
        ended = clock()
        times = (decoded - start, prepared - decoded, inferred - prepared, ended - inferred)
        return dict(zip(("decode", "preprocess", "infer", "postprocess"), (1e3 * t for t in times), strict=True))

    def folder(self, photos: list[str]) -> float:
        """Seconds for all photos: as many threads as the model has prepare the next ones while one runs."""
        load = lambda path: self.prepare_photo(self.decode(Path(path)))  # noqa: E731
        ahead = 2 * self.threads
        start = time.perf_counter()
        if self.threads == 1:
            for path in photos:
                self.infer(load(path))
            return time.perf_counter() - start
        with ThreadPoolExecutor(self.threads) as pool:
            waiting = [pool.submit(load, path) for path in photos[:ahead]]
            for number in range(len(photos)):
                tensor = waiting.pop(0).result()
                if number + ahead < len(photos):
                    waiting.append(pool.submit(load, photos[number + ahead]))
                self.infer(tensor)
        return time.perf_counter() - start

    # A photo worker needs no tensors: it runs the photo of the request to load, if there is one.
    def run(self):
        if self.first_photo is None:
            return None
        return self.infer(self.prepare_photo(self.decode(self.first_photo)))

    def outputs(self, result):
        return {} if result is None else {self.names[0]: np.asarray(result, np.float32)}

    def remember(self, request: Load, names: list[str]):
        self.threads, self.first_photo, self.names = request.threads, request.photo, names
