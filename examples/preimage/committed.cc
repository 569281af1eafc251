// Proves: "I know the file of 2,048 bytes that is committed to so", and its largest byte, without telling the file.
#include <zk/commitment.h>
#include <zk/zk.h>

#include <algorithm>
#include <array>

int main() {
  alignas(4) std::array<uint8_t, 2048> file;
  zk::read_committed_file(std::as_writable_bytes(std::span(file)));  // private; the commitment is in the journal
  zk::commit(uint32_t{*std::ranges::max_element(file)});
}
