"""One run of a procedure: its worker process and the layer whose analysis that holds."""

import pixels
from results import usable_layers
from suite import Problem, start_worker


class Session:
    """Starts the worker when it is needed, and opens a layer once for all requests that follow."""

    def __init__(self, settings, job):
        self.settings = settings
        self.job = job
        self.worker = None
        self.layer = None
        self.size = None
        self.analysis = None

    def close(self):
        """End the worker and remove its files."""
        if self.worker is not None:
            self.worker.cancel()

    def send(self, layer):
        """Hand a layer's pixels over, unless the worker has them; to be called from GIMP's main thread.

        Returns
        -------
        dict
            Arguments for the worker's `open`, empty where the held picture can be kept.
        """
        if self.worker is None or not self.worker.alive:
            self.worker, self.layer = start_worker(self.settings), None
        if self.layer == layer:
            if not layer.is_valid() or pixels.size_of(layer) != self.size:
                raise Problem("The layer was changed in the meantime: try again.")
            return {}
        usable_layers([layer])
        path = self.worker.new_file()
        shape, dtype = pixels.read_layer(layer, path)
        self.layer, self.size, self.analysis = layer, pixels.size_of(layer), None
        return {"pixels": path, "shape": shape, "dtype": dtype, "name": f"“{layer.get_name()}”"}

    def analyze(self, sent, parameters, progress):
        """Analyse what was sent, unless it is analysed that way already; may be called from any thread."""
        if sent or parameters != self.analysis:
            self.analysis = None
            self.worker.open(parameters=parameters, progress=progress, **sent)
            self.analysis = parameters

    def compute(self, layer, config, progress):
        """Return the worker's answer for a layer."""
        sent = self.send(layer)
        self.analyze(sent, self.job.analysis(config), lambda done, stage: progress(done / 2, stage))
        arguments = self.job.arguments(self.worker, layer, config)
        return self.worker.request(
            self.job.request, arguments, progress=lambda done, stage: progress(0.5 + done / 2, stage)
        )
