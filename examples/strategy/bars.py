"""Daily bars of the S&P 500, 1999 to 2018, and what the rule looks at on each day.

As the PyPI package arch 8.0.0 ships them (NCSA licence, Copyright (c) 2017 Kevin Sheppard). All of this is public.
"""
import csv
import gzip
import io
import json
import zipfile

import numpy as np

LOOK_BACK = 250  # days; before that there is no decision
HELD_BACK = 2018


class Bars:
    def __init__(self, wheel):
        with zipfile.ZipFile(wheel) as archive:
            text = gzip.decompress(archive.read("arch/data/sp500/sp500.csv.gz")).decode()
        rows = list(csv.DictReader(io.StringIO(text)))
        if len(rows) != 5031:
            raise ValueError(f"{wheel}: expected 5,031 days, found {len(rows)}")
        self.dates = [row["Date"] for row in rows]  # month/day/year
        self.high, self.low, self.close, self.volume = (
            np.array([float(row[key]) for row in rows]) for key in ("High", "Low", "Close", "Volume"))
        self.log_close = np.log(self.close)
        self.years = np.array([int(date.split("/")[2]) for date in self.dates])
        self.next_return = np.append(np.diff(self.log_close), np.nan)  # of the day after, as a logarithm

    def decided(self, held_back):
        """Places of the days with a decision: of HELD_BACK, or of the years before, but for the last of them, whose
        next day belongs to HELD_BACK. The file ends with HELD_BACK, so its last day is known by no return."""
        days = np.flatnonzero(self.years == HELD_BACK if held_back else self.years < HELD_BACK)
        return days[:-1] if held_back else days[LOOK_BACK:-1]


def features(bars, days):
    """float32 [days][16], of what is known at the close of each: returns, trends, range, volume, in units of the
    volatility of 20 days, cut off at 4."""
    rows = []
    for t in days:
        log_close = bars.log_close[t - LOOK_BACK:t + 1]
        returns = np.diff(log_close)
        month = returns[-20:].std()
        rows.append(
            [returns[-1 - k] / month for k in range(5)]
            + [(log_close[-1] - log_close[-1 - k]) / (month * k**0.5) for k in (5, 10, 20, 60, 120, 250)]
            + [np.log(month / returns[-120:].std()),
               2 * (bars.close[t] - bars.low[t]) / (bars.high[t] - bars.low[t]) - 1,
               np.log(bars.high[t] / bars.low[t]) / month,
               np.log(bars.volume[t] / bars.volume[t - 19:t + 1].mean()),
               (log_close[-1] - log_close.max()) / month])
    return np.clip(np.array(rows), -4, 4).astype(np.float32)


def quantised(rows, model_json):
    """int8, as QuantizeLinear has it, by the scale that the program shows of its input."""
    port = json.loads(model_json.read_text())["inputs"][0]
    codes = np.rint(rows / np.float32(port["scale"])) + port["zero_point"]
    return np.clip(codes, -128, 127).astype(np.int8)
