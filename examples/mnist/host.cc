// The host's side of the example, over the public API (host/zkvm.h):
//
//   mnist digit DATA N FILE
//
// shows test digit N as text and writes its 784 bytes, a guest's input, to FILE;
//
//   mnist check DATA GUESTS
//
// runs both models, as built by both compilers for the tensor unit and for instructions alone, on all test
// digits: exit status 0 if every output is ONNX Runtime's, 1 if not.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "host/zkvm.h"

namespace {

constexpr size_t kPixels = 28 * 28, kClasses = 10;
using Bytes = std::vector<uint8_t>;

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "mnist: {}\n", message);
  exit(2);
}

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(path + ": cannot read");
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// data/, see its README: count test digits, their labels, and int8 logits for each.
struct Digits {
  explicit Digits(const std::string& folder)
      : pixels(read_file(folder + "/digits.u8")), labels(read_file(folder + "/labels.u8")) {
    if (labels.empty() || pixels.size() != labels.size() * kPixels)
      fail(folder + ": digits and labels do not match");
  }
  size_t count() const { return labels.size(); }
  std::span<const uint8_t> digit(size_t i) const {
    return std::span(pixels).subspan(i * kPixels, kPixels);
  }

  Bytes pixels, labels;
};

int show(const Digits& digits, size_t i, const std::string& path) {
  constexpr std::string_view kInk = " .:-=+*#%@";
  if (i >= digits.count())
    fail(fmt::format("digit {}: expected a number below {}", i, digits.count()));
  const std::span<const uint8_t> digit = digits.digit(i);
  for (size_t row = 0; row < 28; ++row) {
    std::string line;
    for (size_t column = 0; column < 28; ++column)
      line.append(2, kInk[digit[row * 28 + column] * kInk.size() / 256]);
    line.erase(line.find_last_not_of(' ') + 1);
    if (!line.empty()) fmt::print("{}\n", line);
  }
  fmt::print("test digit {}, label {}\n", i, digits.labels[i]);
  std::ofstream file(path, std::ios::binary);
  file.write(reinterpret_cast<const char*>(digit.data()),
             static_cast<std::streamsize>(digit.size()));
  if (!file.flush()) fail(path + ": cannot write");
  return 0;
}

// One guest on every digit; returns whether all outputs are ONNX Runtime's.
bool check(const Digits& digits, const std::string& model, const std::string& form,
           const std::string& elf_path, const Bytes& expected) {
  const Bytes elf = read_file(elf_path);
  size_t identical = 0, right = 0;
  uint64_t cycles = 0;
  for (size_t i = 0; i < digits.count(); ++i) {
    const zkvm::Result<zkvm::Run> run = zkvm::run(elf, digits.digit(i));
    if (!run) fail(elf_path + ": " + run.error().message);
    if (run->trap) fail(elf_path + ": " + run->trap->message);
    // The journal: the class, one word, then ten logits, padded to three words.
    const Bytes& journal = run->journal;
    if (run->exit_code != 0 || journal.size() != 16)
      fail(elf_path + ": expected exit code 0 and 16 bytes of journal");
    identical +=
        std::equal(journal.begin() + 4, journal.begin() + 4 + kClasses, &expected[i * kClasses]);
    right += journal[0] == digits.labels[i];
    cycles += run->cycles;
  }
  const double count = static_cast<double>(digits.count());
  fmt::print("{:8}{:14}{:>6.1f} %{:>12} cycles    {} of {} outputs identical to ONNX Runtime\n",
             model, form, 100 * static_cast<double>(right) / count, cycles / digits.count(),
             identical, digits.count());
  return identical == digits.count();
}

int check_all(const Digits& digits, const std::string& data, const std::string& guests) {
  bool all = true;
  // Endings of the guests' names.
  const std::pair<std::string, std::string> forms[] = {{"unit, gcc", ""},
                                                       {"unit, clang", "_clang"},
                                                       {"plain, gcc", "_plain"},
                                                       {"plain, clang", "_plain_clang"}};
  fmt::print("model   guest       accuracy  per inference\n");
  for (const std::string model : {"mlp", "lenet5"}) {
    const Bytes logits = read_file(data + "/" + model + ".logits.i8");
    if (logits.size() != digits.count() * kClasses) fail(data + ": digits and logits do not match");
    for (const auto& [form, ending] : forms)
      all &= check(digits, model, form, guests + "/mnist_" + model + ending + ".elf", logits);
  }
  return all ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.size() == 4 && args[0] == "digit") {
    size_t i = 0;
    const char* end = args[2].data() + args[2].size();
    if (std::from_chars(args[2].data(), end, i).ptr != end) fail(args[2] + ": expected a number");
    return show(Digits(args[1]), i, args[3]);
  }
  if (args.size() == 3 && args[0] == "check") return check_all(Digits(args[1]), args[1], args[2]);
  fail("usage: mnist digit DATA N FILE | mnist check DATA GUESTS");
}
