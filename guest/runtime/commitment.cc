// The format of guest/doc/commitment.md.
#include <string.h>
#include <zk/blake3_run.h>
#include <zk/check.h>
#include <zk/commitment.h>
#include <zk/zk_c.h>

namespace zk {
namespace {

constexpr std::string_view kContext = "zkvm 2026-11-29 commitment v1";

enum class Kind : uint8_t { kFile = 0, kTensor = 1 };

// What stands before the data: whole blocks, so that data in aligned memory are hashed in place.
class Prefix {
 public:
  Prefix(const Salt& salt, Kind kind, uint8_t type, std::span<const uint32_t> axes,
         uint64_t length) {
    put(salt.data(), salt.size());
    const uint8_t head[4] = {static_cast<uint8_t>(kind), type, static_cast<uint8_t>(axes.size()),
                             0};
    put(head, sizeof(head));
    put(&length, sizeof(length));
    put(axes.data(), axes.size_bytes());
    size_ = (size_ + detail::kBlake3BlockBytes - 1) / detail::kBlake3BlockBytes *
            detail::kBlake3BlockBytes;
  }
  [[nodiscard]] std::span<const uint8_t> bytes() const { return {bytes_, size_}; }

 private:
  void put(const void* from, size_t count) {
    if (count != 0) memcpy(bytes_ + size_, from, count);  // no axes may be null
    size_ += count;
  }

  alignas(4) uint8_t bytes_[2 * detail::kBlake3BlockBytes] = {};
  size_t size_ = 0;
  static_assert(sizeof(Salt) + 4 + 8 + 4 * Shape::kMaxAxes <= sizeof(bytes_));
};

Digest hash(const Prefix& prefix, std::span<const uint8_t> data) {
  Blake3 hasher = Blake3::derive_key(kContext);
  hasher.update(prefix.bytes());
  hasher.update(data);
  return hasher.finish();
}

}  // namespace

Digest commitment(std::span<const uint8_t> file, const Salt& salt) {
  return hash(Prefix(salt, Kind::kFile, 0, {}, file.size()), file);
}

Digest commitment(std::span<const uint8_t> elements, ElementType type, Shape shape,
                  const Salt& salt) {
  ZK_CHECK(shape.axes().size() <= Shape::kMaxAxes);
  ZK_CHECK(element_bytes(type) != 0 && elements.size() % element_bytes(type) == 0 &&
           elements.size() / element_bytes(type) == shape.elements());
  return hash(
      Prefix(salt, Kind::kTensor, static_cast<uint8_t>(type), shape.axes(), elements.size()),
      elements);
}

}  // namespace zk

extern "C" {

void zk_commitment_of_file(uint8_t out[32], const void* file, size_t bytes,
                           const uint8_t salt[32]) {
  zk::Salt copy;
  memcpy(copy.data(), salt, copy.size());
  const zk::Digest digest = zk::commitment({static_cast<const uint8_t*>(file), bytes}, copy);
  memcpy(out, digest.data(), digest.size());
}

void zk_commitment_of_tensor(uint8_t out[32], const void* elements, int type, const uint32_t* shape,
                             uint32_t axes, const uint8_t salt[32]) {
  zk::Salt copy;
  memcpy(copy.data(), salt, copy.size());
  const auto element = static_cast<zk::ElementType>(type);
  const zk::Shape dims{std::span(shape, axes)};
  const zk::Digest digest =
      zk::commitment({static_cast<const uint8_t*>(elements),
                      static_cast<size_t>(dims.elements() * zk::element_bytes(element))},
                     element, dims, copy);
  memcpy(out, digest.data(), digest.size());
}

}  // extern "C"
