// Commitments to what a guest reads.
#include <zk/commitment.h>
#include <zk/zk_c.h>

namespace zk {
namespace {

std::span<const uint8_t> as_uint8(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

void publish(const Digest& found, const Digest* expected) {
  if (expected == nullptr) {
    commit(found);
  } else if (found != *expected) {
    fail("zkvm: the input is not what the program's commitment is to");
  }
}

}  // namespace

void read_committed_bytes(std::span<std::byte> elements, ElementType type, Shape shape,
                          const Digest* expected) {
  const Salt salt = read<Salt>();
  read_bytes(elements);
  publish(commitment(as_uint8(elements), type, shape, salt), expected);
}

void read_committed_file(std::span<std::byte> out, const Digest* expected) {
  const Salt salt = read<Salt>();
  read_bytes(out);
  publish(commitment(as_uint8(out), salt), expected);
}

}  // namespace zk

extern "C" {

void zk_read_committed(void* elements, int type, const uint32_t* shape, uint32_t axes) {
  const auto element = static_cast<zk::ElementType>(type);
  const zk::Shape dims{std::span(shape, axes)};
  zk::read_committed_bytes({static_cast<std::byte*>(elements),
                            static_cast<size_t>(dims.elements() * zk::element_bytes(element))},
                           element, dims);
}

void zk_read_committed_file(void* out, size_t bytes) {
  zk::read_committed_file({static_cast<std::byte*>(out), bytes});
}

}  // extern "C"
