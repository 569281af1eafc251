// Proves: "I know a message of 2,048 bytes with this SHA-256", without telling it.
#include <zk/sha256.h>
#include <zk/zk.h>

#include <array>

int main() {
  alignas(4) const auto message = zk::read<std::array<uint8_t, 2048>>();  // private
  zk::commit(zk::sha256(message));                                        // public
}
