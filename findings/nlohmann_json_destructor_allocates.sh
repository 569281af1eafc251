#!/usr/bin/env bash
# nlohmann-json 3.11.2 (Debian 12): destroying a value takes memory, and a destructor that gets none ends the process.
#
# Behaviour: the destructor of an object or an array that has children moves them into a std::vector first, whose
# memory it asks for, 16 bytes for each child; those of children go into the same one, which grows. The destructor is
# noexcept, as all are, so where std::bad_alloc is thrown there, std::terminate follows; no handler around the parser
# sees it. So a program that reads JSON by this library cannot answer that it has no memory left, even though parsing
# itself throws as it should: unwinding destroys what was read so far. (The vector is there so that deep nesting needs
# no deep stack.)
#
# Seen: allocations while a parsed value is destroyed
#   {}                                   0
#   [1, 2, 3]                            1
#   {"a": 1}                             1
#   [[], [], [[1]]]                      1
#   what an allocation that throws does  std::terminate, inside of try { } catch (const std::bad_alloc&)
#
# zkvm: the verifier's answer to an allocation that fails is an error code, so descriptions of models become values of
# its own, made by the parser's events (host/model_info.cc); tests/host/verify_c_test.cc fails every allocation in turn.
#
# Needs apt-get (Debian 12), python3 with venv, and network. Exit status 0: as stated; 1: it has changed; 77: a package is
# not to be had.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
{ chmod 755 . && apt-get download nlohmann-json3-dev=3.11.2-2 && dpkg -x nlohmann-json3-dev_*.deb json &&
    python3 -m venv venv && venv/bin/pip install --quiet ziglang==0.14.0; } >log 2>&1 || {
  tail -5 log
  exit 77
}
cat >program.cc <<'CPP'
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <nlohmann/json.hpp>
#include <optional>

static int allocations = 0;
static bool none_left = false;
void* operator new(size_t bytes) {
  ++allocations;
  void* memory = none_left ? nullptr : std::malloc(bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }

int main() {
  for (const char* text : {"{}", "[1, 2, 3]", R"({"a": 1})", "[[], [], [[1]]]"}) {
    std::optional<nlohmann::json> value = nlohmann::json::parse(text);
    allocations = 0;
    value.reset();
    std::printf("%s %d\n", text, allocations);
  }
  std::fflush(stdout);
  std::set_terminate([] {
    std::puts("std::terminate");
    std::fflush(stdout);
    std::_Exit(0);
  });
  try {
    std::optional<nlohmann::json> value = nlohmann::json::parse("[1]");
    none_left = true;
    value.reset();
    none_left = false;
    std::puts("destroyed");
  } catch (const std::bad_alloc&) {
    none_left = false;
    std::puts("caught");
  }
}
CPP
venv/bin/python -m ziglang c++ -std=c++17 -O1 -Ijson/usr/include program.cc -o program 2>log || { tail -5 log; exit 77; }
cat >expected <<'END'
{} 0
[1, 2, 3] 1
{"a": 1} 1
[[], [], [[1]]] 1
std::terminate
END
./program | tee found
cmp found expected
