// Choices 0 and 3 of committed_guest.cc, in C.
#include <zk/zk_c.h>

int main(void) {
  const uint32_t choice = zk_read_u32();
  const uint32_t shape[2] = {2, 3};
  int8_t six[6];
  uint8_t file[6];
  uint32_t sum = 0;
  if (choice == 0) {
    zk_read_committed(six, ZK_INT8, shape, 2);
    for (int i = 0; i < 6; ++i) sum += (uint32_t)six[i];
  } else {
    zk_read_committed_file(file, sizeof file);
    sum = file[5];
  }
  zk_commit_u32(sum);
  return 0;
}
