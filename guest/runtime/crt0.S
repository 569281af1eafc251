# Entry. Nothing is assumed of the registers: in the VM all but pc are zero, qemu and Linux set sp to a stack
# that the ELF does not declare, so it is replaced. Zeroed data needs no loop: the loader's memory is zero.
  .section .text.zk_start, "ax", @progbits
  .globl _start
  .type _start, @function
_start:
  .cfi_startproc
  .cfi_undefined ra
  .option push
  .option norelax
  la gp, __global_pointer$
  .option pop
  la sp, __zk_stack_top
  la tp, __zk_tls
  call zk_construct
  li a0, 0                      # int main(int argc, char** argv): no arguments
  li a1, 0
  call main
  call exit
  .cfi_endproc
  .size _start, . - _start
