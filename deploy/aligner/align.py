#!/usr/bin/env python3
"""Forced alignment of phones and their states with PyPI's `pocketsphinx`. Input and output are pipes.

Input, per utterance: one line of JSON and then the samples,

    {"utterance": ID, "text": WORDS, "samples": N, "rate": 16000}
    N × 2 bytes, little-endian signed 16-bit PCM, mono

Output, per utterance, in the same order: one line of JSON, either

    {"utterance": ID, "states": [[PHONE, STATE, START, FRAMES], ...], "words": [[WORD, START, FRAMES], ...]}
    {"utterance": ID, "error": WHY}

START and FRAMES count frames of 10 ms; STATE is 0, 1 or 2; PHONE is a phone of the US-English model (39 of them,
without stress), `SIL`, or a filler such as `+NSN+`. States follow each other without gaps from frame 0. WORD is a word of
the text as the dictionary spells it; pauses and noise are not words. An aligner that does not know the times of words
leaves `words` out. If an utterance cannot be aligned, the program answers with an error and continues: it ends with 0 at
the end of its input, and with 1 only if the input stream is broken.

Texts with marks such as `[noise]`, `<unk>`, `(laughs)` are refused, because the dictionary contains `noise` and
`laughs` as spoken words. A word that is in the dictionary is used unchanged; otherwise outer apostrophes are removed,
and the word is split at hyphens. Every utterance is aligned by itself and does not depend on earlier ones, so several
aligners may share the work.
"""

import json
import os
import re
import sys

RATE = 16_000
# Ten minutes: a longer length means a broken header, not an utterance.
LONGEST = 600 * RATE
# A word's shortest phone has three states of one frame each; a window has 26 ms.
SHORTEST = RATE * 60 // 1000


class NotAligned(Exception):
    """Why an utterance has no alignment."""


class Aligner:
    """A decoder that finds the states and the times of given words."""

    def __init__(self):
        from pocketsphinx import Decoder

        # Cepstral means of the utterance alone (`batch`); otherwise the result would depend on earlier utterances. The
        # beams are wider than for recognition: because the words are known, this costs little and loses fewer
        # utterances.
        self.decoder = Decoder(
            samprate=RATE, lm=None, loglevel="FATAL", cmn="batch", beam=1e-80, pbeam=1e-80, wbeam=1e-60, bestpath=False
        )

    def words(self, text):
        """The dictionary's words for a text."""
        found = []
        mark = re.search(r"[\[\]<>(){}+%&*#@]", text)
        if mark:
            raise NotAligned(f"`{mark[0]}` is not part of a word: `{text}`")
        for word in re.sub(r"[^\w' -]", " ", text.lower().replace("\u2019", "'")).split():
            for spelling in (word, word.strip("'-")):
                if spelling and self.decoder.lookup_word(spelling) is not None:
                    found.append(spelling)
                    break
            else:
                for part in filter(None, (part.strip("'") for part in word.split("-"))):
                    if self.decoder.lookup_word(part) is None:
                        raise NotAligned(f"word `{part}` is not in the dictionary")
                    found.append(part)
        if not found:
            raise NotAligned("no words")
        return found

    def align(self, text, samples):
        """`states` and `words` of the answer. States include those of fillers."""
        words = self.words(text)
        if len(samples) < 2 * SHORTEST:
            raise NotAligned(f"expected at least {SHORTEST} samples, found {len(samples) // 2}")
        # The front end keeps some state; without a reset the result would depend on the order of utterances.
        self.decoder.reinit_feat()
        try:
            # First pass: the times of words and pauses, and the pronunciation of each word.
            self.decoder.set_align_text(" ".join(words))
            self.listen(samples)
            # Second pass: the phones and states within them.
            self.decoder.set_alignment()
            self.listen(samples)
            alignment = self.decoder.get_alignment()
        except RuntimeError as error:
            raise NotAligned(f"the words do not match the audio: {error}") from None
        if alignment is None:
            raise NotAligned("the words do not match the audio")
        states = []
        for phone in alignment.phones():
            for position, state in enumerate(phone):
                states.append([phone.name, position, state.start, state.duration])
        # `<sil>` and `[NOISE]` are not words. A second pronunciation of a word is called `word(2)`.
        times = [
            [re.sub(r"\(\d+\)$", "", word.name), word.start, word.duration]
            for word in alignment.words()
            if word.name[0] not in "<[+("
        ]
        if not states or [word for word, _, _ in times] != words:
            raise NotAligned("the words do not match the audio")
        return {"states": states, "words": times}

    def listen(self, samples):
        self.decoder.start_utt()
        try:
            self.decoder.process_raw(samples, no_search=False, full_utt=True)
        finally:
            self.decoder.end_utt()


def continue_with_prepared(program, *packages):
    """Continues with the Python that `cargo xtask setup` made. Ends the program if it is this one, or if there is none."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    prepared = os.path.join(cache, "stentor", "venv", "bin", "python")
    # A virtual environment's `python` is a link to the one outside of it; they differ only in their prefix.
    inside = os.path.dirname(os.path.dirname(prepared))
    if os.path.exists(prepared) and os.path.realpath(sys.prefix) != os.path.realpath(inside):
        os.execv(prepared, [prepared, *sys.argv])
    sys.exit(
        f"{program}: {sys.executable} lacks a package of {', '.join(packages)}, and there is no other Python in {prepared}: "
        f"`cargo xtask setup` makes it, or `pip install {' '.join(packages)}`"
    )


def with_pocketsphinx():
    """Continues with another Python if this one has no `pocketsphinx`."""
    try:
        import pocketsphinx  # noqa: F401
    except ImportError:
        continue_with_prepared("align.py", "pocketsphinx==5.1.1")


def read_exactly(stream, size):
    data = stream.read(size)
    if len(data) != size:
        raise EOFError(f"expected {size} bytes of samples, found {len(data)}")
    return data


def answer(aligner, header, samples):
    """The answer to one request, as a dictionary."""
    name = header.get("utterance")
    if header.get("rate") != RATE:
        return {"utterance": name, "error": f"expected samples at {RATE} Hz, found {header.get('rate')}"}
    try:
        return {"utterance": name, **aligner.align(str(header.get("text", "")), samples)}
    except NotAligned as error:
        return {"utterance": name, "error": str(error)}


def main():
    requests, answers = sys.stdin.buffer, sys.stdout.buffer
    aligner = Aligner()
    for line in requests:
        try:
            header = json.loads(line)
            count = int(header["samples"])
            if not 0 <= count <= LONGEST:
                raise ValueError(f"expected 0 to {LONGEST} samples, found {count}")
            samples = read_exactly(requests, 2 * count)
        except (ValueError, KeyError, TypeError, EOFError) as error:
            print(f"align.py: broken request: {error!r}", file=sys.stderr)
            return 1
        answers.write(json.dumps(answer(aligner, header, samples)).encode() + b"\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    with_pocketsphinx()
    sys.exit(main())
