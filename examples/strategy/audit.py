"""What an auditor does beside `zkvm verify`: with the public bars, and without the weights.

    python audit.py WHEEL MODEL.json -o FILE      writes the features of the days of 2018, int8 [250][16], as the guest reads them
    python audit.py WHEEL MODEL.json JOURNAL      exit status 1 where a receipt's journal is not of these days; else what it
                                                  decided, and what that earned

MODEL.json: what the program says of its input, NAME.model.json, public.
"""
import hashlib
import pathlib
import sys

import numpy as np

import bars


def percent(log_returns):
    return f"{np.expm1(np.sum(log_returns)):+.1%}"


def main(wheel, model_json, *arguments):
    market = bars.Bars(wheel)
    days = market.decided(held_back=True)
    public = bars.quantised(bars.features(market, days), pathlib.Path(model_json)).tobytes()
    if arguments[0] == "-o":
        pathlib.Path(arguments[1]).write_bytes(public)
        return 0
    journal = pathlib.Path(arguments[0]).read_bytes()
    model_id, digest, decisions = journal[:32], journal[32:64], np.frombuffer(journal[64:64 + len(days)], np.uint8)
    wanted = hashlib.sha256(public).digest()
    if digest != wanted or len(decisions) != len(days):
        print(f"  not of these days: expected SHA-256 {wanted.hex()}, found {digest.hex()}")
        return 1
    after = market.next_return[days]
    long = decisions == 1
    changes = np.count_nonzero(np.diff(decisions, prepend=0))
    print(f"  SHA-256 of the features of {len(days)} days, {market.dates[days[0]]} to {market.dates[days[-1]]}, recomputed: the same")
    print(f"  model {model_id.hex()[:16]}... decided long on {long.sum()} days, flat on {np.sum(~long)}, {changes} changes")
    print("  " + "\n  ".join("".join("-L"[d] for d in decisions[i:i + 84]) for i in range(0, len(decisions), 84)))
    print(f"  it earned {percent(after[long])}, without costs; who held the index all the time {percent(after)}")
    print(f"  days whose next close was higher: {np.mean(after > 0):.1%}; of these decisions {np.mean(long == (after > 0)):.1%} right")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
