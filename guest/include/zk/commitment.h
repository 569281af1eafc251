// Commitments to a file or a tensor: 32 public bytes that bind their maker to the data and hide them. Format, and what
// the salt has to be: guest/doc/commitment.md. `zkvm commit` computes them outside.
//
//   const auto weights = zk::read_committed<int8_t>({10, 784});  // private; their commitment is in the journal
#pragma once

#include <stdint.h>
#include <zk/blake3.h>
#include <zk/io.h>

#include <bit>
#include <initializer_list>
#include <vector>

namespace zk {

// 32 uniform bytes, fresh for each commitment, kept as private as the data.
using Salt = std::array<uint8_t, 32>;

// Part of the format: no number ever gets another meaning.
enum class ElementType : uint8_t {
  kInt8 = 1,
  kUint8 = 2,
  kInt16 = 3,
  kUint16 = 4,
  kInt32 = 5,
  kUint32 = 6,
  kInt64 = 7,
  kUint64 = 8,
  kFloat16 = 9,
  kFloat32 = 10,
  kFloat64 = 11,
  kBool = 12,
};

// Bytes of an element; 0 where `type` is none of these.
[[nodiscard]] constexpr uint32_t element_bytes(ElementType type) {
  constexpr uint8_t kBytes[] = {0, 1, 1, 2, 2, 4, 4, 8, 8, 2, 4, 8, 1};
  const auto number = static_cast<uint8_t>(type);
  return number < sizeof(kBytes) ? kBytes[number] : 0;
}

// A tensor's axes, the last one with the elements that are neighbours; {} is one element.
class Shape {
 public:
  static constexpr uint32_t kMaxAxes = 8;

  constexpr Shape(std::initializer_list<uint32_t> axes) : axes_(axes.begin(), axes.size()) {}
  constexpr Shape(std::span<const uint32_t> axes) : axes_(axes) {}
  [[nodiscard]] constexpr std::span<const uint32_t> axes() const { return axes_; }
  [[nodiscard]] constexpr uint64_t elements() const {
    uint64_t product = 1;
    for (const uint32_t axis : axes_) {
      if (axis == 0) return 0;
      product = product > UINT64_MAX / axis ? UINT64_MAX : product * axis;
    }
    return product;
  }

 private:
  std::span<const uint32_t> axes_;
};

// Numbers that a tensor is made of.
template <class T>
concept TensorElement =
    std::is_same_v<T, int8_t> || std::is_same_v<T, uint8_t> || std::is_same_v<T, int16_t> ||
    std::is_same_v<T, uint16_t> || std::is_same_v<T, int32_t> || std::is_same_v<T, uint32_t> ||
    std::is_same_v<T, int64_t> || std::is_same_v<T, uint64_t> || std::is_same_v<T, float> ||
    std::is_same_v<T, double>;
template <TensorElement T>
inline constexpr ElementType kElementType =
    std::is_same_v<T, float> ? ElementType::kFloat32
    : std::is_same_v<T, double>
        ? ElementType::kFloat64
        : ElementType(2 * std::bit_width(sizeof(T)) - 1 + std::is_unsigned_v<T>);

// The commitment to a byte string; and to a tensor. REQUIRES: a tensor of at most Shape::kMaxAxes axes and of as many
// bytes as its shape and type say.
[[nodiscard]] Digest commitment(std::span<const uint8_t> file, const Salt& salt);
[[nodiscard]] Digest commitment(std::span<const uint8_t> elements, ElementType type, Shape shape,
                                const Salt& salt);

// "I know data with this commitment": reads a salt and then the elements from the input, and appends their commitment
// to the journal. Where the commitment is `expected`, a constant of the program, appends nothing, and fails (message
// and trap) where the data have another one.
void read_committed_bytes(std::span<std::byte> elements, ElementType type, Shape shape,
                          const Digest* expected = nullptr);

template <TensorElement T>
[[nodiscard]] std::vector<T> read_committed(Shape shape, const Digest* expected = nullptr) {
  std::vector<T> out(static_cast<size_t>(shape.elements()));
  read_committed_bytes(std::as_writable_bytes(std::span(out)), kElementType<T>, shape, expected);
  return out;
}

// The same into memory that is there: an array of as many elements as the shape has.
template <Contiguous Range>
  requires TensorElement<ElementOf<Range>>
void read_committed_into(Range&& out, Shape shape, const Digest* expected = nullptr) {
  read_committed_bytes(std::as_writable_bytes(std::span(out)), kElementType<ElementOf<Range>>,
                       shape, expected);
}

// The same of a file of as many bytes.
void read_committed_file(std::span<std::byte> out, const Digest* expected = nullptr);

}  // namespace zk
