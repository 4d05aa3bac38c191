"""eSpeak NG through ctypes: text in, 16-bit mono samples out, while they are made.

The library is one set of C globals, so there is one engine a process and one speaker at a time. It starts no
thread and survives a fork: loaded in the forkserver, every job process has it for nothing.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from threading import Lock

import espeakng_loader

# from espeak-ng's speak_lib.h
_OUTPUT_SYNCHRONOUS = 2
_DONT_EXIT = 0x8000
_CHARS_UTF8 = 1
_RATE = 1
_PITCH = 3
_BUFFER_MS = 20

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class EspeakError(Exception):
    """eSpeak could not do it; the message says what."""


class UnknownVoice(EspeakError):
    """eSpeak has no voice of this name."""


class Espeak:
    """The engine. Get it from :func:`espeak`."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lib.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            ctypes.c_uint,
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]
        data = espeakng_loader.get_data_path().encode()
        rate = self._lib.espeak_Initialize(_OUTPUT_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT)
        if rate <= 0:
            raise EspeakError("eSpeak could not load its data")
        self.sample_rate: int = rate
        """Samples a second of everything it says."""
        self._on_audio: Callable[[bytes], bool] | None = None
        self._failure: BaseException | None = None
        self._callback = _Callback(self._receive)  # kept: C holds a pointer to it
        self._lib.espeak_SetSynthCallback(self._callback)

    def check_voice(self, voice: str) -> None:
        """Raises :class:`UnknownVoice`."""
        with self._lock:
            self._set_voice(voice)

    def speak(
        self, text: str, *, voice: str, rate: int, pitch: int, on_audio: Callable[[bytes], bool]
    ) -> None:
        """Hand the audio of ``text`` to ``on_audio`` in pieces of about 20 ms, until it returns False.

        Blocks, for about a hundredth of the time the audio takes; releases the GIL in between. Raises
        :class:`EspeakError`, and whatever ``on_audio`` raises.
        """
        data = text.replace("\0", " ").encode("utf-8", "replace") + b"\0"
        with self._lock:
            self._set_voice(voice)
            self._lib.espeak_SetParameter(_RATE, rate, 0)
            self._lib.espeak_SetParameter(_PITCH, pitch, 0)
            self._on_audio, self._failure = on_audio, None
            try:
                code = self._lib.espeak_Synth(data, len(data), 0, 1, 0, _CHARS_UTF8, None, None)
            finally:
                self._on_audio = None
            if self._failure is not None:
                raise self._failure
            if code != 0:
                raise EspeakError(f"eSpeak failed with code {code}")

    def _set_voice(self, voice: str) -> None:
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            raise UnknownVoice(f"unknown voice `{voice}`")

    def _receive(self, samples: ctypes._Pointer[ctypes.c_short] | None, count: int, _events: object) -> int:
        """Called from C; 0 to go on, 1 to stop. Must not raise."""
        if not samples or count <= 0 or self._on_audio is None:
            return 0
        try:
            return 0 if self._on_audio(ctypes.string_at(samples, count * 2)) else 1
        except BaseException as failure:  # noqa: BLE001 - carried over the C frames to the caller of speak
            self._failure = failure
            return 1


_STARTING = Lock()


def espeak() -> Espeak:
    """The engine of this process. Raises :class:`EspeakError` or OSError when the library is not usable.

    One thread starts it: two at once would initialise the same C globals, and crash the process.
    """
    with _STARTING:
        return _engine()


@cache
def _engine() -> Espeak:
    return Espeak()
