#!/usr/bin/env bash
# clang 19.1.7 (ziglang 0.14.0): a return statement that `if constexpr` discards makes a function template copy its
# result.
#
# Behaviour: a function template returns its local variable by name. Where it has one more return statement, of another
# expression, in a branch of `if constexpr` that the instantiation discards, the instantiated function constructs the
# variable in its own frame and copies (or moves) it into the result, at any optimisation level, though the statement is
# not part of that function. Without the discarded statement, or where the function is no template, there is no copy. The
# named return value optimisation is a permission, so both are right; GCC 12 elides the copy in both. With results of
# some hundred bytes without a cheap move that is a call of memcpy each time; and nothing warns.
#
# Seen:                                                        clang 19.1.7    GCC 12.2.0
#   one return statement                                       0 copies        0 copies
#   a second one in a discarded branch                         1 copy          0 copies
#   a second one in a discarded branch, other variable named   1 copy          0 copies
#
# zkvm: a guest's read_tensor took 520 instructions more for a picture of 784 bytes, so it has one return statement
# (guest/include/zk/nn/input.h; tests/examples/mnist_test.cc bounds the instructions for both compilers).
#
# Needs python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: the package is not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ python3 -m venv venv && venv/bin/pip install --quiet ziglang==0.14.0; } >log 2>&1 || {
  tail -5 log
  exit 77
}
cat >program.cc <<'CPP'
#include <cstdio>

struct Result {
  static inline int copies = 0;
  int values[200];
  Result() {}
  Result(const Result&) { ++copies; }
};
Result made_elsewhere() { return Result(); }

template <bool elsewhere>
Result one() {
  Result x;
  if constexpr (elsewhere) x = made_elsewhere();
  x.values[0] = 1;
  return x;
}
template <bool elsewhere>
Result discarded() {
  Result x;
  if constexpr (elsewhere) return made_elsewhere();
  x.values[0] = 1;
  return x;
}
template <bool elsewhere>
Result discarded_variable() {
  Result x;
  if constexpr (elsewhere) {
    Result y;
    return y;
  }
  x.values[0] = 1;
  return x;
}

template <class Function>
int copies_of(Function function) {
  Result::copies = 0;
  Result result = function();
  return Result::copies + 0 * result.values[0];
}
int main() {
  std::printf("%d %d %d\n", copies_of(one<false>), copies_of(discarded<false>),
              copies_of(discarded_variable<false>));
}
CPP
for level in -O0 -O2 -O3; do
  venv/bin/python -m ziglang c++ -std=c++20 -fno-sanitize=all "$level" program.cc -o program
  found=$(./program)
  echo "clang of ziglang 0.14.0, $level: $found"
  [ "$found" = "0 1 1" ] || { echo "changed: expected 0 1 1"; exit 1; }
done
if command -v g++ >/dev/null; then
  g++ -std=c++20 -O2 program.cc -o program
  echo "$(g++ --version | head -1): $(./program)"
fi
