"""ONNX Runtime's C library through ctypes.

Debian ships no ONNX Runtime for Python, and PyTorch 1.13 runs MobileNetV2
about five times slower on a CPU. The service's own library (the npm package
under models/ort) is there anyway, and its C interface is an append-only table
of function pointers (onnxruntime_c_api.h, struct OrtApi), so that a position in
it never changes its meaning. Only what a feed-forward run needs is bound here.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

import numpy as np

# Positions in struct OrtApi, counted in onnxruntime_c_api.h.
_GET_ERROR_MESSAGE = 2
_CREATE_ENV = 3
_CREATE_SESSION = 7
_RUN = 9
_CREATE_SESSION_OPTIONS = 10
_SET_INTRA_OP_THREADS = 24
_CREATE_TENSOR_WITH_DATA = 49
_GET_TENSOR_DATA = 51
_GET_DIMENSIONS_COUNT = 61
_GET_DIMENSIONS = 62
_GET_TENSOR_TYPE_AND_SHAPE = 65
_CREATE_CPU_MEMORY_INFO = 69
_RELEASE_STATUS = 93
_RELEASE_VALUE = 96
_RELEASE_TENSOR_INFO = 99

_API_VERSION = 14  # the oldest table that holds all of the above
_FLOAT = 1  # ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT
_LIBRARY = "node_modules/onnxruntime-node/bin/napi-v6/linux/x64/libonnxruntime.so.1"


class _ApiBase(ctypes.Structure):
    _fields_ = [
        ("GetApi", ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint32)),
        ("GetVersionString", ctypes.CFUNCTYPE(ctypes.c_char_p)),
    ]


def default_library() -> Path:
    """The library that models/ort installs, or $BINSIDE_TRAINING_ORT."""
    named = os.environ.get("BINSIDE_TRAINING_ORT")
    if named:
        return Path(named)
    return Path(__file__).resolve().parent.parent / "ort" / _LIBRARY


class Session:
    """One model, one caller at a time. Lives until the process ends."""

    def __init__(self, model: Path, outputs: list[str], threads: int = 1, library: Path | None = None):
        lib = ctypes.CDLL(str(library or default_library()))
        lib.OrtGetApiBase.restype = ctypes.POINTER(_ApiBase)
        base = lib.OrtGetApiBase().contents
        self.version = base.GetVersionString().decode()
        table = base.GetApi(_API_VERSION)
        if not table:
            raise RuntimeError(f"ONNX Runtime {self.version} has no API {_API_VERSION}")
        self._table = ctypes.cast(table, ctypes.POINTER(ctypes.c_void_p))
        self._outputs = [name.encode() for name in outputs]
        env, options, session, memory = (ctypes.c_void_p() for _ in range(4))
        self._check(_CREATE_ENV, 3, b"binside-training", ctypes.byref(env))
        self._check(_CREATE_SESSION_OPTIONS, ctypes.byref(options))
        self._check(_SET_INTRA_OP_THREADS, options, threads)
        self._check(_CREATE_SESSION, env, str(model).encode(), options, ctypes.byref(session))
        self._check(_CREATE_CPU_MEMORY_INFO, 0, 0, ctypes.byref(memory))
        self._session, self._memory = session, memory

    def _call(self, position: int, result: object, *args: object) -> object:
        converted = [ctypes.c_int(a) if isinstance(a, int) else a for a in args]
        kinds = [type(a) if isinstance(a, ctypes._SimpleCData) else ctypes.c_void_p for a in converted]
        return ctypes.CFUNCTYPE(result, *kinds)(self._table[position])(*converted)

    def _check(self, position: int, *args: object) -> None:
        status = self._call(position, ctypes.c_void_p, *args)
        if status:
            held = ctypes.c_void_p(status)
            message = self._call(_GET_ERROR_MESSAGE, ctypes.c_char_p, held)
            text = message.decode() if message else "unknown error"
            self._call(_RELEASE_STATUS, None, held)
            raise RuntimeError(f"ONNX Runtime: {text}")

    def run(self, batch: np.ndarray) -> list[np.ndarray]:
        """Run n×3×h×w float32 through input "input"; the named outputs, copied."""
        batch = np.ascontiguousarray(batch, dtype=np.float32)
        dims = (ctypes.c_int64 * batch.ndim)(*batch.shape)
        value = ctypes.c_void_p()
        self._check(
            _CREATE_TENSOR_WITH_DATA, self._memory, ctypes.c_void_p(batch.ctypes.data),
            ctypes.c_size_t(batch.nbytes), ctypes.cast(dims, ctypes.c_void_p),
            ctypes.c_size_t(batch.ndim), _FLOAT, ctypes.byref(value),
        )
        count = len(self._outputs)
        names = (ctypes.c_char_p * 1)(b"input")
        inputs = (ctypes.c_void_p * 1)(value.value)
        wanted = (ctypes.c_char_p * count)(*self._outputs)
        found = (ctypes.c_void_p * count)()
        try:
            self._check(
                _RUN, self._session, ctypes.c_void_p(), ctypes.cast(names, ctypes.c_void_p),
                ctypes.cast(inputs, ctypes.c_void_p), ctypes.c_size_t(1),
                ctypes.cast(wanted, ctypes.c_void_p), ctypes.c_size_t(count),
                ctypes.cast(found, ctypes.c_void_p),
            )
        finally:
            self._call(_RELEASE_VALUE, None, value)
        return [self._take(ctypes.c_void_p(pointer)) for pointer in found]

    def _take(self, value: ctypes.c_void_p) -> np.ndarray:
        info, data, rank = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_size_t()
        self._check(_GET_TENSOR_TYPE_AND_SHAPE, value, ctypes.byref(info))
        self._check(_GET_DIMENSIONS_COUNT, info, ctypes.byref(rank))
        dims = (ctypes.c_int64 * rank.value)()
        self._check(_GET_DIMENSIONS, info, ctypes.cast(dims, ctypes.c_void_p), rank)
        self._call(_RELEASE_TENSOR_INFO, None, info)
        self._check(_GET_TENSOR_DATA, value, ctypes.byref(data))
        size = int(np.prod(list(dims)))
        floats = ctypes.cast(data, ctypes.POINTER(ctypes.c_float))
        array = np.ctypeslib.as_array(floats, (size,)).reshape(list(dims)).copy()
        self._call(_RELEASE_VALUE, None, value)
        return array
