// <zk/zk_c.h>: values of every type go from input to journal; then the choice of an end.
#include <zk/zk_c.h>

int main(void) {
  zk_commit_u8(zk_read_u8());
  zk_commit_u16(zk_read_u16());
  zk_commit_u32(zk_read_u32());
  zk_commit_u64(zk_read_u64());
  zk_commit_i8(zk_read_i8());
  zk_commit_i16(zk_read_i16());
  zk_commit_i32(zk_read_i32());
  zk_commit_i64(zk_read_i64());
  const uint32_t choice = zk_read_u32();
  uint16_t packed[3];
  zk_read(packed, sizeof packed);
  zk_commit(packed, sizeof packed);
  uint32_t rest[4];
  zk_commit_u32((uint32_t)zk_read_some(rest, sizeof rest));
  zk_log("a line");
  if (choice == 1) zk_exit(7);
  if (choice == 2) zk_fail("failed in C");
  ZK_CHECK(choice == 0);
  return 3;
}
