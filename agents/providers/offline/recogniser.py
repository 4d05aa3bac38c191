"""PocketSphinx: 16 kHz samples in, words out. Nothing here knows of event loops.

A recogniser made before a fork works in every child, and its 24 MB (75 with the language model) stay shared:
nothing but the utterance at hand is written.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from threading import Lock

import pocketsphinx

from agents.providers.offline.grammar import Grammar
from agents.providers.offline.hearing import SLICE, with_hiss

logger = logging.getLogger(__name__)

# PocketSphinx keeps the GIL while it works: at most some 2 ms for 40 ms of audio with a grammar
_SLICE_BYTES = 2 * SLICE
_SEARCH = "phrases"
# cepstral means of ordinary speech. Set before every utterance: what was heard before must not change what
# is heard now
_CMN = "40,3,-1"
# A grammar's search has to end on a phrase, whatever it hears. This is the log likelihood of a 10 ms frame,
# relative to the frame's best sound, below which the phrase found was not what was said. Measured
# on synthetic speech with the hiss of `with_hiss`: of 450 phrases recognised it drops 1; of 210 sentences
# outside two grammars, digital silence around them, 37 pass as a phrase instead of 59 (19 without any hiss,
# but then a third of the phrases is lost too), of 110 on a hissing line 25 instead of 36.
_LIKELY = -6.0

_TINY = 1e-320


@dataclass(frozen=True)
class Heard:
    """Words and how sure the recogniser is, 0 to 1 (a posterior over what the grammar allows; not
    calibrated).
    """

    text: str
    confidence: float


class Recogniser:
    """One decoder, used by one thread at a time."""

    def __init__(self, *, dictation: bool) -> None:
        self.dictation = dictation
        self._grammar: Grammar | None = None
        self._position = 0
        if dictation:
            # a smaller search than the default: a tenth of the audio's time, not a quarter; and no second
            # pass, which would keep the GIL for some 70 ms when speech ends
            self._decoder = pocketsphinx.Decoder(
                loglevel="FATAL", maxhmmpf=3000, maxwpf=5, ds=2, topn=2, fwdflat=False
            )
        else:
            # wider beams than the default lose fewer phrases and let through less that is none
            self._decoder = pocketsphinx.Decoder(
                lm=None, loglevel="FATAL", beam=1e-60, pbeam=1e-60, wbeam=1e-40
            )

    def use(self, grammar: Grammar | None) -> None:
        """Listen for the phrases of ``grammar`` (1 ms). Raises ValueError when it has a word that is not
        known.
        """
        if grammar is None or grammar == self._grammar:
            return
        missing = {word for phrase in grammar.phrases for word in phrase.split() if not self._knows(word)}
        if missing or not grammar.phrases:
            raise ValueError(
                f"the recogniser does not know these words: {', '.join(sorted(missing)) or 'none given'}"
            )
        self._decoder.add_jsgf_string(_SEARCH, grammar.jsgf)
        self._decoder.activate_search(_SEARCH)
        self._grammar = grammar

    def _knows(self, word: str) -> bool:
        return self._decoder.lookup_word(word) is not None

    def start(self) -> None:
        """Begin an utterance."""
        self._position = 0
        self._decoder.set_cmn(_CMN)
        self._decoder.start_utt()

    def feed(self, audio: bytes) -> None:
        """More of the utterance: 16-bit mono samples at 16 kHz."""
        for offset in range(0, len(audio), _SLICE_BYTES):
            piece = audio[offset : offset + _SLICE_BYTES]
            if self._grammar is not None:  # dictation gains nothing by it
                piece = with_hiss(piece, self._position)
            self._decoder.process_raw(piece)
            self._position += len(piece) // 2

    def partial(self) -> str:
        """The words so far; with a grammar only if a phrase begins with them."""
        hypothesis = self._decoder.hyp()
        text: str = hypothesis.hypstr if hypothesis else ""
        if self._grammar is None or any(
            f"{phrase} ".startswith(f"{text} ") for phrase in self._grammar.phrases
        ):
            return text
        return ""

    def finish(self) -> Heard | None:
        """End the utterance. With a grammar None unless it was one of the phrases, whole, and sounded
        like it.
        """
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        if not hypothesis or not hypothesis.hypstr:
            return None
        text: str | None = hypothesis.hypstr
        if self._grammar is not None:
            text = self._grammar.phrases.get(hypothesis.hypstr) if self._likely() else None
        return Heard(text, min(1.0, max(0.0, float(hypothesis.prob)))) if text else None

    def _likely(self) -> bool:
        likelihood, frames = 0.0, 0
        for word in self._decoder.seg():
            if not word.word.startswith(("<", "[", "(")):  # silence and fillers
                likelihood += math.log(max(word.ascore, _TINY))
                frames += word.end_frame - word.start_frame + 1
        return frames > 0 and likelihood / frames >= _LIKELY


class RecogniserPool:
    """Loaded recognisers, so that a call need not wait for one."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._free: list[Recogniser] = []

    def warm(self, *, dictation: bool) -> None:
        """Have one ready (0.15 s; 0.4 s for dictation)."""
        self.give_back(self.take(dictation=dictation))

    def take(self, *, dictation: bool) -> Recogniser:
        """A recogniser that nobody else uses, loaded if none is free."""
        with self._lock:
            for index, recogniser in enumerate(self._free):
                if recogniser.dictation == dictation:
                    return self._free.pop(index)
        return Recogniser(dictation=dictation)

    def give_back(self, recogniser: Recogniser) -> None:
        """It is between utterances and nobody uses it any more."""
        with self._lock:
            self._free.append(recogniser)


POOL = RecogniserPool()
