// Guests' operators beyond the tensor unit against evaluate.h, on the host and on the VM; copies of moves.
#include "tests/import/operators.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <numeric>
#include <random>

#include "host/import/constants.h"
#include "host/import/copies.h"
#include "host/import/evaluate.h"
#include "tests/guest/qemu.h"
#include "vm/run.h"

// What a guest's run ends with; here an exception, so that a test can see it.
void zk::fail(std::string_view message) { throw std::runtime_error(std::string(message)); }

namespace {

using namespace zkvm::importer;
using Bytes = std::vector<uint8_t>;

template <class X>
Bytes bytes_of(const X& x) {
  const auto* data = reinterpret_cast<const uint8_t*>(&x);
  if constexpr (requires { x.words; }) {
    return Bytes(data, data + sizeof(x.words));
  } else {
    return Bytes(data, data + X::kSize * sizeof(typename X::Element));
  }
}

template <class X>
Value value_of(Dims dims, zk::nn::Quantisation q = {1, 0}) {
  using T = typename X::Element;
  const bool is_signed = std::is_same_v<T, int8_t>;
  const Type type = is_signed                    ? Type::kInt8
                    : std::is_same_v<T, uint8_t> ? Type::kUint8
                                                 : Type::kInt32;
  return {"", type, std::move(dims), {is_signed, q.scale, q.zero_point}};
}
uint32_t u(int x) { return static_cast<uint32_t>(x); }

// Each operator as evaluate.h has it: outputs first, then inputs.
Bytes evaluated(Operator op, std::vector<Value> values, size_t outputs, std::vector<Bytes> inputs) {
  Network network;
  network.values = std::move(values);
  op.name = "operator";
  network.operators.push_back(std::move(op));
  for (size_t i = 0; i < network.values.size(); ++i) {
    const Port port{static_cast<ValueId>(i), "", {}, {}};
    (i < outputs ? network.outputs : network.inputs).push_back(port);
  }
  const auto result = evaluate(network, inputs);
  if (!result) throw std::runtime_error(result.error().message);
  Bytes all;
  for (const Bytes& output : *result) all.insert(all.end(), output.begin(), output.end());
  return all;
}

template <class Out, class X>
Bytes expected(const zk::nn::AveragePool2dParams<Out>& p, int, const X& x) {
  AveragePool pool{1, 0, {}, p.count_include_pad};
  for (size_t i = 0; i < 2; ++i) {
    pool.window.kernel[i] = u(p.kernel[i]);
    pool.window.strides[i] = u(p.strides[i]);
    pool.window.pads[i] = u(p.pads[i]), pool.window.pads[i + 2] = u(p.pads[i + 2]);
  }
  return evaluated({"", "", "", pool},
                   {value_of<Out>({1, u(p.channels), u(p.out[0]), u(p.out[1])}, p.output),
                    value_of<X>({1, u(p.channels), u(p.in[0]), u(p.in[1])}, p.input)},
                   1, {bytes_of(x)});
}
template <class Out, class A, class B>
Bytes expected(const zk::nn::MatMulParams<Out>& p, int, const A& a, const B& b) {
  return evaluated({"", "", "", MatMul{1, 2, 0, p.scale}},
                   {value_of<Out>({u(p.batch), u(p.rows), u(p.columns)}, {1, p.zero_point}),
                    value_of<A>({u(p.batch), u(p.rows), u(p.inner)}, {1, p.zero_point_a}),
                    value_of<B>({u(p.batch), u(p.inner), u(p.columns)}, {1, p.zero_point_b})},
                   1, {bytes_of(a), bytes_of(b)});
}
template <class Out, class X>
Bytes expected(const zk::nn::SoftmaxParams<Out>& p, int seed, const X& x) {
  const operators::SoftmaxNumbers numbers = operators::softmax_numbers(seed);
  const auto table = softmax_table(numbers.input, u(p.width));
  for (size_t i = 0; i < 256; ++i)
    EXPECT_EQ(std::bit_cast<uint32_t>(table[i]), p.exponentials[i]) << i;
  EXPECT_EQ(softmax_factor(numbers.output), static_cast<float>(p.factor));
  const Dims dims{u(numbers.rows), u(p.width)};
  return evaluated(
      {"", "", "", Softmax{1, 0}},
      {value_of<Out>(dims, {numbers.output, p.zero_point}), value_of<X>(dims, {numbers.input, 0})},
      1, {bytes_of(x)});
}
template <class Out, class X>
Bytes expected(const zk::nn::ReduceMeanParams<Out>& p, int, const X& x) {
  return evaluated(
      {"", "", "", ReduceMean{1, 0}},
      {value_of<Out>({u(Out::kSize)}, p.output), value_of<X>({u(Out::kSize), u(p.width)}, p.input)},
      1, {bytes_of(x)});
}
template <int kSeed, class Params, class X>
Bytes expected_normalization(const Params& p, const X& x) {
  constexpr auto n = operators::normalization_numbers<kSeed>();
  using Out = typename Params::Output;
  const Dims dims{u(X::kSize / Params::kWidth), u(Params::kWidth)};
  const Value from = value_of<X>(dims, {n.input, 0}),
              to = value_of<Out>(dims, {n.output, n.zero_point});
  const auto constants = normalization_constants(n.scale, n.bias, n.epsilon, from.q, to.q);
  EXPECT_EQ(constants.epsilon, p.epsilon);
  EXPECT_EQ(constants.shift, p.shift);
  EXPECT_TRUE(std::ranges::equal(constants.gains, p.gains));
  EXPECT_TRUE(std::ranges::equal(constants.offsets, p.offsets));
  return evaluated(
      {"", "", "",
       LayerNormalization{
           1, 0, {n.scale.begin(), n.scale.end()}, {n.bias.begin(), n.bias.end()}, n.epsilon}},
      {to, from}, 1, {bytes_of(x)});
}
template <class Out, class X>
Bytes expected(const zk::nn::ArgMaxParams<Out>& p, int, const X& x) {
  return evaluated({"", "", "", ArgMax{1, 0, p.least, p.last}},
                   {value_of<Out>({u(Out::kSize)}), value_of<X>({u(Out::kSize), u(p.width)})}, 1,
                   {bytes_of(x)});
}
template <class Values, class Indices, class X>
Bytes expected(const zk::nn::TopKParams<Values, Indices>& p, int, const X& x) {
  const Dims dims{u(X::kSize / p.width), u(p.count)};
  return evaluated(
      {"", "", "", TopK{2, 0, 1, p.least}},
      {value_of<Values>(dims), value_of<Indices>(dims), value_of<X>({dims[0], u(p.width)})}, 2,
      {bytes_of(x)});
}
template <class Out, class Index>
Bytes expected(const zk::nn::GatherParams<Out>& p, int, const Index& index) {
  auto table = std::make_shared<Bytes>(p.table, p.table + p.rows * p.width);
  return evaluated({"", "", "", Gather{1, 0, table, u(p.rows), u(p.width)}},
                   {value_of<Out>({u(Out::kSize)}), value_of<Index>({u(Index::kSize)})}, 1,
                   {bytes_of(index)});
}
// The definition: fill, gaps, then what each copy stands for.
template <class Out, int kCopies, int kTables, class A, class B>
Bytes expected(const zk::nn::MoveParams<Out, kCopies, kTables>& p, int, const A& a, const B& b) {
  Bytes y(bytes_of(Out()).size(), static_cast<uint8_t>(std::max(p.fill, 0)));
  if constexpr (requires { Out::kWords; }) {
    Out gaps;
    std::copy(y.begin(), y.end(), gaps.bytes());
    gaps.fill_gaps();
    y = bytes_of(gaps);
  }
  const Bytes inputs[] = {bytes_of(a), bytes_of(b)};
  for (const zk::nn::MoveCopy& copy : p.copies) {
    for (const ByteMove& move : expanded(copy)) {
      const uint8_t x = inputs[move.input].at(move.from);
      y.at(move.to) = copy.table >= 0 ? p.tables[static_cast<size_t>(copy.table)][x]
                      : copy.table == zk::nn::kFlipTable ? x ^ 0x80
                                                         : x;
    }
  }
  return y;
}

template <class Y>
Bytes found_bytes(const Y& y) {
  if constexpr (requires { y.indices; }) {
    Bytes all = bytes_of(y.values), indices = bytes_of(y.indices);
    all.insert(all.end(), indices.begin(), indices.end());
    return all;
  } else {
    return bytes_of(y);
  }
}

// Counts elements, too.
struct Compare {
  size_t compared = 0;
  template <const auto& kParams, int kSeed = 0, class Y, class... X>
  void operator()(const Y& y, const X&... x) {
    Bytes wanted;
    if constexpr (requires { kParams.gains; }) {
      wanted = expected_normalization<kSeed>(kParams, x...);
    } else {
      wanted = expected(kParams, kSeed, x...);
    }
    const Bytes found = found_bytes(y);
    ASSERT_EQ(found.size(), wanted.size());
    compared += found.size();
    const auto differ = std::ranges::mismatch(found, wanted);
    ASSERT_TRUE(differ.in1 == found.end())
        << typeid(kParams).name() << " byte " << differ.in1 - found.begin() << ": " << +*differ.in1
        << " for " << +*differ.in2;
  }
};

TEST(Operators, EqualTheirDefinitions) {
  Compare compare;
  for (uint32_t seed = 0; seed < 90; ++seed) {
    operators::Random random(seed);
    operators::for_each<24>(random, compare);
    if (HasFailure()) FAIL() << "seed " << seed;
  }
  EXPECT_GT(compare.compared, 1'000'000u);
}

TEST(Operators, AnIndexBeyondTheTableEndsTheRun) {
  for (const int32_t wrong : {17, -18, 1 << 30, std::numeric_limits<int32_t>::min()}) {
    operators::Tensor<int32_t, 3, 4> index{};
    index.data[7] = wrong;
    EXPECT_THROW((void)zk::nn::gather_rows<operators::kGather>(index), std::runtime_error) << wrong;
    EXPECT_THROW(expected(operators::kGather, 0, index), std::runtime_error) << wrong;
  }
}

TEST(Operators, PositiveFloatsAddAsFloatsDo) {
  std::mt19937 random(1);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  for (int i = 0; i < 2'000'000; ++i) {
    const uint32_t a = below(0x7e000000);
    uint32_t b = below(0x7e000000);
    if (i % 2 == 1) {  // exponents close by
      const uint32_t exponent = a >> 23;
      b = (exponent - below(std::min(28u, exponent + 1))) << 23 | below(0x800000);
    }
    if (i % 16 == 0) b &= 0xfffff;
    const float sum = std::bit_cast<float>(a) + std::bit_cast<float>(b);
    ASSERT_EQ(zk::nn::add_positive(a, b), std::bit_cast<uint32_t>(sum)) << a << " " << b;
  }
}

// Of few bits, so that many quotients are ties.
template <uint32_t kFactor>
void expect_quotients_of_doubles() {
  operators::Random random(kFactor);
  for (int i = 0; i < 20'000; ++i) {
    const float sum = std::ldexp(static_cast<float>(random.in(1, 64)), random.in(0, 30));
    const float term = std::ldexp(static_cast<float>(random.in(1, 64)), random.in(-20, 30));
    if (term > sum) continue;
    const double quotient = double{term} * kFactor / sum;
    ASSERT_EQ(zk::nn::softmax_quotient<kFactor>(std::bit_cast<uint32_t>(term),
                                                std::bit_cast<uint32_t>(sum)),
              std::nearbyint(quotient))
        << term << " " << kFactor << " " << sum;
  }
}
TEST(Operators, SoftmaxRoundsAsADivisionOfDoubles) {
  expect_quotients_of_doubles<0>();
  expect_quotients_of_doubles<1>();
  expect_quotients_of_doubles<255>();
  expect_quotients_of_doubles<256>();
  expect_quotients_of_doubles<257>();
  expect_quotients_of_doubles<(1 << 20) - 1>();
}

TEST(Operators, SquareRootsAreFloors) {
  std::mt19937_64 random(2);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t root = (random() >> 32) | 1u << 31;
    const uint64_t square = root * root;
    EXPECT_EQ(zk::nn::square_root(square), root);
    EXPECT_EQ(zk::nn::square_root(square + random() % (2 * root + 1)), root);
    if (root > 1u << 31) EXPECT_EQ(zk::nn::square_root(square - 1), root - 1);
  }
  EXPECT_EQ(zk::nn::square_root(~uint64_t{0}), ~uint32_t{0});
}

// Copies.

struct NamedMap {
  const char* name;
  std::vector<ByteMove> moves;
  size_t most_copies;
};

// The elements of [shape] in order, each where `from` and `to` have it.
template <class From, class To>
std::vector<ByteMove> map_of(const std::array<uint32_t, 4>& shape, From from, To to,
                             uint32_t input = 0) {
  std::vector<ByteMove> moves;
  for (uint32_t a = 0; a < shape[0]; ++a)
    for (uint32_t b = 0; b < shape[1]; ++b)
      for (uint32_t c = 0; c < shape[2]; ++c)
        for (uint32_t d = 0; d < shape[3]; ++d)
          moves.push_back({input, from(a, b, c, d), to(a, b, c, d)});
  return moves;
}
auto strides(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t first = 0) {
  return [=](uint32_t i, uint32_t j, uint32_t k, uint32_t l) {
    return first + a * i + b * j + c * k + d * l;
  };
}
std::vector<ByteMove> joined(std::vector<ByteMove> a, const std::vector<ByteMove>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(Copies, OfRegularMapsAreFewAndExact) {
  const NamedMap maps[] = {
      {"nothing", {}, 0},
      {"a byte", {{3, 5, 7}}, 1},
      {"identity", map_of({2, 3, 4, 5}, strides(60, 20, 5, 1), strides(60, 20, 5, 1)), 1},
      {"transpose", map_of({2, 3, 4, 5}, strides(60, 20, 5, 1), strides(1, 2, 6, 24)), 1},
      {"slice", map_of({2, 3, 4, 5}, strides(600, 100, 10, 2, 31), strides(60, 20, 5, 1)), 1},
      {"reversed",
       map_of(
           {2, 3, 4, 5},
           [](auto i, auto j, auto k, auto l) { return 119 - (60 * i + 20 * j + 5 * k + l); },
           strides(60, 20, 5, 1)),
       1},
      {"concat of channels",
       joined(map_of({1, 3, 4, 5}, strides(0, 20, 5, 1), strides(0, 20, 5, 1)),
              map_of({1, 7, 4, 5}, strides(0, 20, 5, 1), strides(0, 20, 5, 1, 60), 1)),
       2},
      {"concat of columns",
       joined(map_of({1, 3, 4, 5}, strides(0, 20, 5, 1), strides(0, 32, 8, 1)),
              map_of({1, 3, 4, 3}, strides(0, 12, 3, 1), strides(0, 32, 8, 1, 5), 1)),
       2},
      {"pad", map_of({1, 3, 6, 5}, strides(0, 30, 5, 1), strides(0, 80, 8, 1, 17)), 1},
      {"twice as large",
       map_of(
           {1, 3, 8, 10}, [](auto, auto j, auto k, auto l) { return 20 * j + 5 * (k / 2) + l / 2; },
           strides(0, 80, 10, 1)),
       1},
      {"one and a half times",
       map_of(
           {1, 3, 9, 9},
           [](auto, auto j, auto k, auto l) { return 36 * j + 6 * (k * 2 / 3) + l * 2 / 3; },
           strides(0, 81, 9, 1)),
       16},
      {"planes to pixels", map_of({1, 6, 7, 9}, strides(0, 63, 9, 1), strides(0, 1, 96, 8, 104)),
       1},
      {"pixels to planes", map_of({1, 6, 7, 9}, strides(0, 1, 96, 8, 104), strides(0, 63, 9, 1)),
       1},
      {"pixels to planes with gaps",
       map_of({1, 3, 7, 9}, strides(0, 1, 44, 4, 48), strides(0, 84, 12, 1)), 1},
  };
  for (const NamedMap& map : maps) {
    const auto copies = copies_of(map.moves);
    EXPECT_LE(copies.size(), map.most_copies) << map.name;
    std::vector<ByteMove> found;
    for (const auto& copy : copies) found = joined(std::move(found), expanded(copy));
    EXPECT_TRUE(std::ranges::is_permutation(found, map.moves)) << map.name;
  }
}

TEST(Copies, OfAnyMapAreThatMap) {
  std::mt19937 random(3);
  const auto below = [&](uint32_t n) { return static_cast<uint32_t>(random() % n); };
  const auto by_place = [](const ByteMove& move) { return move.to; };
  for (int round = 0; round < 2'000; ++round) {
    const std::array<uint32_t, 4> shape{1 + below(4), 1 + below(5), 1 + below(6), 1 + below(9)};
    const uint32_t size = shape[0] * shape[1] * shape[2] * shape[3];
    std::vector<uint32_t> places(size);
    std::iota(places.begin(), places.end(), below(10));
    if (round % 3 == 0) std::ranges::shuffle(places, random);
    std::vector<ByteMove> moves;
    for (uint32_t i = 0; i < size; ++i)
      moves.push_back({below(20) == 0, places[i] * (1 + round % 2), i * (1 + round / 2 % 3)});
    for (uint32_t swaps = below(6); swaps > 0; --swaps)
      std::swap(moves[below(size)].from, moves[below(size)].from);
    std::vector<ByteMove> found;
    for (const auto& copy : copies_of(moves)) found = joined(std::move(found), expanded(copy));
    std::ranges::sort(found, {}, by_place);
    std::ranges::sort(moves, {}, by_place);
    ASSERT_EQ(found, moves) << round;
  }
}

// On the VM.

class OperatorsGuest : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Compilers, OperatorsGuest, ::testing::Values("gcc", "clang"),
                         [](const auto& test) { return std::string(test.param); });

struct Collect {
  Bytes journal;
  void add(const Bytes& bytes) {
    journal.insert(journal.end(), bytes.begin(), bytes.end());
    journal.resize((journal.size() + 3) / 4 * 4);
  }
  template <const auto& kParams, int kSeed = 0, class Y, class... X>
  void operator()(const Y& y, const X&...) {
    if constexpr (requires { y.indices; }) {
      add(bytes_of(y.values));
      add(bytes_of(y.indices));
    } else {
      add(bytes_of(y));
    }
  }
};

TEST_P(OperatorsGuest, CommitsWhatTheHostComputes) {
  std::ifstream file(zkvm::test::guest_path(std::string("test_operators_") + GetParam()),
                     std::ios::binary);
  const Bytes elf{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  const auto program = zkvm::vm::load_elf(elf);
  ASSERT_TRUE(program) << program.error().message;
  for (uint32_t seed = 1; seed <= 5; ++seed) {
    operators::Random random(seed);
    Collect collect;
    operators::for_each<ZKVM_TEST_OPERATORS>(random, collect);
    const Bytes input{static_cast<uint8_t>(seed), 0, 0, 0};
    const auto run = zkvm::vm::run(*program, {.input = input, .console = {}});
    ASSERT_TRUE(run) << run.error().message;
    EXPECT_FALSE(run->trap);
    EXPECT_EQ(run->journal, collect.journal);
  }
}

}  // namespace
