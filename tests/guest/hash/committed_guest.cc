// "I know data with this commitment", in each of its forms: the first word of the input chooses.
#include <zk/commitment.h>
#include <zk/zk.h>

// Of the bytes 0 to 5 under the salt of request.h, seed 0: as a file, and as int8 of shape 2x3 (commitment.json).
constexpr zk::Digest kFile = {0xa7, 0x7c, 0x45, 0x0f, 0xea, 0x1e, 0xe1, 0xbd, 0x0f, 0x47, 0xac,
                              0xb8, 0xc2, 0xb2, 0x08, 0x83, 0x29, 0xe3, 0xe8, 0x98, 0xf2, 0x9d,
                              0x2d, 0xf9, 0x8d, 0xcb, 0x45, 0x05, 0xa5, 0xda, 0xb4, 0x2c};
constexpr zk::Digest kTensor = {0xc2, 0x70, 0x0d, 0x5e, 0xff, 0x46, 0x37, 0x16, 0xaa, 0x2b, 0x02,
                                0xaf, 0x1c, 0x48, 0x87, 0x8d, 0xa9, 0xfe, 0x03, 0xc5, 0x6e, 0xc4,
                                0xda, 0xc8, 0x03, 0xd0, 0xce, 0x3e, 0x1a, 0xe5, 0xf4, 0x39};

int main() {
  const auto choice = zk::read<uint32_t>();
  int8_t six[2][3];
  uint8_t file[6];
  uint32_t sum = 0;
  if (choice == 0)
    for (const int8_t x : zk::read_committed<int8_t>({2, 3})) sum += x;
  if (choice == 1)
    for (const int8_t x : zk::read_committed<int8_t>({2, 3}, &kTensor)) sum += x;
  if (choice == 2) zk::read_committed_into(std::span(six[0], 6), {2, 3}), sum = six[1][2];
  if (choice == 3) zk::read_committed_file(std::as_writable_bytes(std::span(file))), sum = file[5];
  if (choice == 4)
    zk::read_committed_file(std::as_writable_bytes(std::span(file)), &kFile), sum = file[5];
  if (choice == 5) zk::read_committed_into(std::span(six[0], 6), {2, 2});
  if (choice == 6)
    for (const uint16_t x : zk::read_committed<uint16_t>({3})) sum += x;
  zk::commit(sum);
}
