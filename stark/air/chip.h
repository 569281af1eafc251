// Chips: what a table's rows must satisfy, written once and read by every interpreter.
//
// A chip is a struct with
//
//   struct AddChip {                                     // c = a + b mod 2^32, in 16-bit limbs
//     static constexpr const char* kName = "add";
//     static constexpr const char* kColumns = "a[2] b[2] c[2] carry[2] real";
//     template <class T> struct Cols { T a[2], b[2], c[2], carry[2], real; };
//
//     template <AirBuilder B>
//     static void eval(B& air, const Cols<typename B::Var>& row) {
//       air.assert_bool("real", row.real);
//       typename B::Expr carry = 0;
//       for (int i = 0; i < 2; ++i) {
//         air.assert_bool("carry", row.carry[i]);
//         air.assert_equal("limb", row.a[i] + row.b[i] + carry, row.c[i] + row.carry[i] * 65536);
//         air.send(bus::kRange16, row.real, {row.c[i]});
//         carry = row.carry[i];
//       }
//     }
//   };
//
// - `Cols` has members of type T (or arrays and structs of T) and nothing else. kColumns names them
//   for messages, in the same order; their number is checked when the chip is compiled.
// - Every assert must hold on every row; its degree in the columns is at most 3.
// - A chip that looks at the next row takes it as a third argument: eval(air, row, next). The next
//   row of the last row is the first one.
// - Chips talk through buses (LogUp). For each tuple, over the whole proof: times sent = times
//   received + times answered. `send` and `receive` take a multiplicity made of columns
//   that the chip asserts to be boolean, `answer` (of look-up tables) any. Multiplicity and tuple
//   are affine in the current row.
// - A chip may have late columns, which are committed once two challenges in E are drawn (protocol.md
//   section 8): the last members of Cols, each an Ext<T>.
//     static constexpr uint16_t kLateWidth = 5;   // columns: five for each of them
//     static constexpr uint32_t kLateDegree = 1;  // in the challenges, of what a row adds at most
//   An assert may hold powers of the challenges: air.late(kMu, 1) is mu, an element of E that is not
//   to be taken apart. SOUNDNESS: the prover knows the challenges when it chooses late columns, so
//   every one that weighs in must be determined by main and slot columns: soundness.md, "Late
//   columns", says how, and what kLateDegree promises.
// - A chip with columns in slots (fixed tables, state that proofs share: protocol.md section 5)
//   lists them before its own columns:
//     static constexpr SlotUse kSlots[] = {{"program", 3}};     // the first 3 members of Cols
//
// Readers: recorder.h (verifying key), checker.h (what fails, by name), assert_kernels.h (SIMD
// prover). The verifier reads the recorded key. stark/README.md says how to add a chip.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "stark/field/field.h"
#include "stark/protocol/interaction_kind.h"
#include "stark/protocol/late.h"

namespace zkvm::stark {

/// A LogUp bus that carries tuples of `Width` field elements. Identifiers start at 1 and are unique
/// in a circuit; a declaration says in a comment what the tuple is.
template <size_t Width>
struct Bus {
  uint16_t id;
  const char* name;
};

/// Columns of a chip that live in a tree of their own: `width` columns in the slot of this name.
struct SlotUse {
  const char* slot;
  uint16_t width;
};

/// An element of E in five columns, or made of them: c[0] + c[1] X + .. + c[4] X^4.
template <class T>
struct Ext {
  T c[5];

  friend Ext operator+(const Ext& a, const Ext& b) {
    return {{a.c[0] + b.c[0], a.c[1] + b.c[1], a.c[2] + b.c[2], a.c[3] + b.c[3], a.c[4] + b.c[4]}};
  }
  friend Ext operator-(const Ext& a, const Ext& b) {
    return {{a.c[0] - b.c[0], a.c[1] - b.c[1], a.c[2] - b.c[2], a.c[3] - b.c[3], a.c[4] - b.c[4]}};
  }
  /// Adds an element of F.
  friend Ext operator+(const Ext& a, const T& b) {
    return {{a.c[0] + b, a.c[1], a.c[2], a.c[3], a.c[4]}};
  }
  friend Ext operator-(const Ext& a, const T& b) {
    return {{a.c[0] - b, a.c[1], a.c[2], a.c[3], a.c[4]}};
  }
  friend Ext operator*(const T& a, const Ext& b) {
    return {{a * b.c[0], a * b.c[1], a * b.c[2], a * b.c[3], a * b.c[4]}};
  }
  friend Ext operator*(const Ext& a, const Ext& b) {
    const auto part = [&](int k) {  // coefficient k of the product before X^5 = 1 - X^2
      const int first = k < 5 ? 0 : k - 4, last = k < 5 ? k : 4;
      T sum = a.c[first] * b.c[k - first];
      for (int i = first + 1; i <= last; ++i) sum = sum + a.c[i] * b.c[k - i];
      return sum;
    };
    const T p5 = part(5), p6 = part(6), p7 = part(7), p8 = part(8);
    return {{part(0) + p5 - p8, part(1) + p6, part(2) - p5 + p7 + p8, part(3) - p6 + p8,
             part(4) - p7}};
  }
};

/// What eval() may call. Derived has
///   void zero(const char* label, const E& x);
///   void boolean(const char* label, const E& x);
///   E late_coordinate(unsigned challenge, unsigned power, unsigned coordinate);
///   void interact(InteractionKind, uint16_t bus, const char* bus_name, const E& multiplicity,
///                 const E* tuple, size_t width);
/// and E is a value with +, -, * and conversions from integers: a column, or anything made of them.
template <class Derived, class E>
class AirBuilderBase {  // NOLINT(bugprone-crtp-constructor-accessibility): of aggregates, too
 public:
  using Var = E;
  using Expr = E;

  /// x = 0.
  void assert_zero(const char* label, const E& x) { self().zero(label, x); }
  /// x is 0 or 1.
  void assert_bool(const char* label, const E& x) { self().boolean(label, x); }
  /// x = 0 in E: five asserts.
  void assert_zero(const char* label, const Ext<E>& x) {
    for (const E& coordinate : x.c) self().zero(label, coordinate);
  }
  /// A late challenge, kLambda or kMu, to a power, 1..kMaxLatePower. REQUIRES: late columns.
  Ext<E> late(unsigned challenge, unsigned power) {
    Ext<E> out;
    for (unsigned c = 0; c < 5; ++c) out.c[c] = self().late_coordinate(challenge, power, c);
    return out;
  }
  /// a = b.
  void assert_equal(const char* label, const E& a, const E& b) { self().zero(label, a - b); }

  /// Puts the tuple on the bus `multiplicity` times.
  template <size_t Width>
  void send(const Bus<Width>& bus, const E& multiplicity, const E (&tuple)[Width]) {
    self().interact(InteractionKind::kSend, bus.id, bus.name, multiplicity, tuple, Width);
  }
  /// Takes it from the bus.
  template <size_t Width>
  void receive(const Bus<Width>& bus, const E& multiplicity, const E (&tuple)[Width]) {
    self().interact(InteractionKind::kReceive, bus.id, bus.name, multiplicity, tuple, Width);
  }
  /// Takes it as often as the prover says: the side of a look-up table. The multiplicity need not
  /// be bounded.
  template <size_t Width>
  void answer(const Bus<Width>& bus, const E& multiplicity, const E (&tuple)[Width]) {
    self().interact(InteractionKind::kAnswer, bus.id, bus.name, multiplicity, tuple, Width);
  }

 private:
  Derived& self() { return static_cast<Derived&>(*this); }
};

template <class B>
concept AirBuilder = requires(B& air, const typename B::Var& x, typename B::Expr e) {
  e = x * x + 1 - x;
  air.assert_zero("label", e);
  air.assert_bool("label", x);
  air.assert_equal("label", e, x);
};

namespace chip_detail {

// Expressions of which nothing is known.
struct AnyExpr {
  AnyExpr() = default;
  template <std::integral I>
  AnyExpr(I) {}
  AnyExpr(Fp) {}
  friend AnyExpr operator+(AnyExpr a, AnyExpr) { return a; }
  friend AnyExpr operator-(AnyExpr a, AnyExpr) { return a; }
  friend AnyExpr operator*(AnyExpr a, AnyExpr) { return a; }
};
struct AnyBuilder : AirBuilderBase<AnyBuilder, AnyExpr> {
  void zero(const char*, AnyExpr) {}
  void boolean(const char*, AnyExpr) {}
  AnyExpr late_coordinate(unsigned, unsigned, unsigned) { return {}; }
  void interact(InteractionKind, uint16_t, const char*, AnyExpr, const AnyExpr*, size_t) {
    ++interactions;
  }
  size_t interactions = 0;
};

/// Number of columns that a text like "a[2] b real" names; 0 if it is malformed.
consteval size_t count_columns(const char* text) {
  size_t total = 0;
  while (*text == ' ') ++text;
  while (*text != 0) {
    size_t count = 1;
    while (*text != 0 && *text != ' ' && *text != '[') ++text;
    if (*text == '[') {
      count = 0;
      for (++text; *text >= '0' && *text <= '9'; ++text)
        count = 10 * count + static_cast<size_t>(*text - '0');
      if (*text++ != ']' || count == 0) return 0;
    }
    if (*text != 0 && *text != ' ') return 0;
    total += count;
    while (*text == ' ') ++text;
  }
  return total;
}

}  // namespace chip_detail

/// Columns of a chip, those in slots included.
template <class Chip>
inline constexpr size_t kWidth = sizeof(typename Chip::template Cols<char>);

/// Those of them that are late.
template <class Chip>
inline constexpr size_t kLateWidth = [] {
  if constexpr (requires { Chip::kLateWidth; })
    return size_t{Chip::kLateWidth};
  else
    return size_t{0};
}();

/// What a row of it adds in the late challenges.
template <class Chip>
inline constexpr uint32_t kLateDegree = [] {
  if constexpr (kLateWidth<Chip> > 0)
    return uint32_t{Chip::kLateDegree};
  else
    return uint32_t{0};
}();

template <class Chip>
inline constexpr bool kHasSlots = requires { Chip::kSlots[0].width; };

/// Whether eval looks at the next row.
template <class Chip>
inline constexpr bool kHasNext = requires(
    chip_detail::AnyBuilder& air, const typename Chip::template Cols<chip_detail::AnyExpr>& row) {
  Chip::eval(air, row, row);
};

template <class Chip>
concept ChipDefinition = requires {
  Chip::kName;
  requires chip_detail::count_columns(Chip::kColumns) == kWidth<Chip>;
  requires kLateWidth<Chip> % 5 == 0 && kLateWidth<Chip> < kWidth<Chip>;
};

/// Runs a chip's constraints; `row` and `next` point to its kWidth<Chip> columns.
template <ChipDefinition Chip, AirBuilder B>
[[gnu::always_inline]] inline void eval_chip(B& air, const typename B::Var* row,
                                             const typename B::Var* next) {
  // A struct of Ts is laid out like an array of Ts: asserted here, relied upon everywhere.
  using Row = typename Chip::template Cols<typename B::Var>;
  static_assert(sizeof(Row) == kWidth<Chip> * sizeof(typename B::Var));
  if constexpr (kHasNext<Chip>)
    Chip::eval(air, *reinterpret_cast<const Row*>(row), *reinterpret_cast<const Row*>(next));
  else
    Chip::eval(air, *reinterpret_cast<const Row*>(row));
}

/// How many interactions a chip has.
template <ChipDefinition Chip>
size_t count_interactions() {
  chip_detail::AnyBuilder air;
  const std::vector<chip_detail::AnyExpr> row(kWidth<Chip>);
  eval_chip<Chip>(air, row.data(), row.data());
  return air.interactions;
}

/// Those of a chip's columns that are in slots.
template <ChipDefinition Chip>
inline constexpr size_t kSlotWidth = [] {
  size_t width = 0;
  if constexpr (kHasSlots<Chip>)
    for (const SlotUse& use : Chip::kSlots) width += use.width;
  return width;
}();

/// The chips of a circuit, in the order of the verifying key; those that occur only as instances
/// (circuit.h) come last there.
template <ChipDefinition... Chips>
struct ChipList {
  static constexpr size_t kCount = sizeof...(Chips);
};

}  // namespace zkvm::stark
