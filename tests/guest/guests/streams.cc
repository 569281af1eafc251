// Input and journal: every size and alignment, to the end of the input.
#include <zk/zk.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

ZK_EMBED(uint16_t, table);
ZK_EMBED(uint8_t, nothing);  // an empty file

namespace {

struct Mixed {
  uint8_t small;
  uint8_t smaller[2];
};
static_assert(sizeof(Mixed) == 3 && zk::Readable<Mixed> && zk::Committable<Mixed>);

struct Padded {
  uint8_t small;
  uint32_t large;
};
static_assert(zk::Readable<Padded> && !zk::Committable<Padded>);  // padding must not become public
static_assert(!zk::Committable<std::string_view>);                // the text, not the pointer
static_assert(!zk::Readable<bool> && !zk::Readable<int*> && !zk::Readable<std::string>);

}  // namespace

int main() {
  zk::commit(zk::read<uint8_t>());
  zk::commit(zk::read<uint16_t>());
  zk::commit(zk::read<uint64_t>());
  zk::commit(zk::read<double>());
  zk::commit(zk::read<Mixed>());
  zk::commit(zk::read<std::array<uint8_t, 7>>());
  const auto padded = zk::read<Padded>();
  zk::commit(padded.small);
  zk::commit(padded.large);

  std::vector<uint16_t> packed(5);
  zk::read_into(std::span(packed));
  zk::commit(packed);
  std::vector<std::byte> unaligned(1003);
  zk::read_bytes(std::span(unaligned).subspan(1, 1001));
  zk::commit_bytes(std::span(unaligned).subspan(1, 1001));
  zk::commit(std::string_view("text!"));
  zk::commit(std::string_view());
  zk::commit(table());

  uint32_t sum = 7;
  for (const uint8_t byte : nothing()) sum += byte;
  zk::commit(std::array{sum, uint32_t{nothing().empty()}, static_cast<uint32_t>(nothing().size())});

  uint32_t total = 0;  // the rest, of unknown length
  std::array<std::byte, 64> chunk;
  for (size_t got; (got = zk::read_some(chunk)) != 0;) total += got;
  zk::commit(total);
  zk::commit(static_cast<uint32_t>(zk::read_some(chunk)));
}
