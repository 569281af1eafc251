#include "host/cli/proof_options.h"

#include <fmt/format.h>

#include <optional>

#include "host/number_text.h"

namespace zkvm::cli {
namespace {

std::optional<Rate> parse_rate(std::string_view text) {
  if (text == "1/2") return Rate::kHalf;
  if (text == "1/4") return Rate::kQuarter;
  if (text == "1/8") return Rate::kEighth;
  return std::nullopt;
}

Check a_rate() {
  return [](const std::string& text) {
    if (parse_rate(text)) return std::string();
    return fmt::format("expected 1/2, 1/4 or 1/8, found '{}'", text);
  };
}

}  // namespace

ProveOptions ProofOptions::get() const {
  ProveOptions out;
  out.security_bits = static_cast<double>(security_bits);
  out.rate = smallest  ? Rate::kSmallest
             : fastest ? Rate::kFastest
                       : parse_rate(rate).value_or(Rate::kAuto);
  out.regime = parse_regime(regime);
  out.segment_cycles = segment_cycles;
  out.memory_limit = parse_size(memory_limit).value_or(0);
  return out;
}

void ProofOptions::add(Command& sub) {
  sub.add_option("--security", security_bits, "The least proven security of the receipt")
      ->type_name("BITS")
      ->check(positive())
      ->show_default();
  add_regime(sub, regime,
             "What security is proven in: johnson makes shorter receipts of one segment; unique\n"
             "(decoding) rests on another theorem: stark/doc/soundness.md");
  const Option* chosen =
      sub.add_option("--rate", rate,
                     "Rate of the code: a lower one makes shorter receipts and takes longer and "
                     "more memory to\nprove (default: 1/4 where it saves a megabyte for some "
                     "six seconds, else 1/2)")
          ->type_name("1/2|1/4|1/8")
          ->check(a_rate());
  const Option* short_one =
      sub.add_flag("--smallest", smallest,
                   "The shortest receipt that the program's image allows, in some twice the time")
          ->excludes(chosen);
  sub.add_flag("--fastest", fastest, "The shortest time, for a longer receipt")
      ->excludes(chosen)
      ->excludes(short_one);
  sub.add_option("--segment-cycles", segment_cycles,
                 "Prove at most so many instructions at a time (default: as many as fit into "
                 "the memory)")
      ->type_name("N")
      ->check(positive());
  sub.add_option("--memory-limit", memory_limit,
                 "Cut segments for this much memory: 512M, 6G (default: half of what the machine "
                 "has, or of its "
                 "cgroup's limit)")
      ->type_name("SIZE")
      ->check(size_text());
}

}  // namespace zkvm::cli
