// age_cut, of an image with channels last: read_pixels.
#include <zk/nn/input.h>
#include <zk/zk.h>

#include "age_cut_network.h"

int main() { zk::commit(age_cut::infer(zk::nn::read_pixels<age_cut::Image>()).ages.data); }
