"""What an auditor does beside `zkvm verify`: with the public bars, and without the weights.

    python audit.py WHEEL MODEL.json -o FILE      writes the features of the days of 2018, int8 [250][16], for the guest
    python audit.py WHEEL MODEL.json JOURNAL      exit status 1 where a receipt's journal is not of these days; else what
                                                  it decided, and what that earned

MODEL.json: what the program says of its input, NAME.model.json, public.
"""
import hashlib
import pathlib
import sys

import numpy as np

import bars

COST = 0.0005  # of a change between long and flat, of what is invested

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
    right = np.mean(long == (after > 0))
    print(f"  the SHA-256 is that of the features of {len(days)} days, {market.dates[days[0]]} to {market.dates[days[-1]]}")
    print(f"  model {model_id.hex()[:16]}...: long on {long.sum()} days, flat on {np.sum(~long)}, {changes} changes")
    print("  " + "\n  ".join("".join("-L"[d] for d in decisions[i:i + 84]) for i in range(0, len(days), 84)))
    print(f"  it earned {percent(after[long])}, or {percent([*after[long], -COST * changes])} where a change costs {COST:.2%}; "
          f"the index {percent(after)}")
    print(f"  {right:.1%} of the decisions were right; always long: {np.mean(after > 0):.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
