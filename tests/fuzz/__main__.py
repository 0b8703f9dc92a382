"""`python -m tests.fuzz COUNT [SEED] [FOLDER]`: decode damaged frames, COUNT of each syntax and depth, in children.

Prints, by syntax, how many were decoded and refused; each one that ended or hung its process, or made it raise,
is written to FOLDER.
"""

import sys
from pathlib import Path

from tests.fuzz.children import Outcome, decode_in_children
from tests.fuzz.frames import frames


def main(count: int, seed: int, folder: Path) -> int:
    """Fuzz, print, and give 1 when anything was found."""
    found = 0
    for bits in (8, 12, 16):
        for syntax, frame in frames(bits).items():
            outcomes = decode_in_children(frame, range(count), seed)
            tally = {outcome.value: sum(o is outcome for o in outcomes.values()) for outcome in Outcome}
            print(f"{syntax:26} {bits:2} bits {tally}", flush=True)  # noqa: T201 - a command's output
            for number, outcome in outcomes.items():
                if outcome.is_fault:
                    found += 1
                    folder.mkdir(parents=True, exist_ok=True)
                    name = f"{syntax}-{bits}-{seed}-{number}-{outcome.value}.dcm"
                    frame.mutated(seed, number).save_as(folder / name, enforce_file_format=True)
    return 1 if found else 0


if __name__ == "__main__":
    words = sys.argv[1:]
    sys.exit(
        main(int(words[0]), int(words[1]) if len(words) > 1 else 1, Path(words[2] if len(words) > 2 else "fuzz-found"))
    )
