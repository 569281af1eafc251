// zk::nn: fixed-shape 8-bit neural-network layers, bit-exact with ONNX Runtime. See
// zk/nn/README.md.
#pragma once

#include "zk/nn/average_pool2d.h"
#include "zk/nn/conv2d.h"
#include "zk/nn/dense.h"
#include "zk/nn/gather.h"
#include "zk/nn/mat_mul.h"
#include "zk/nn/move.h"
#include "zk/nn/order.h"
#include "zk/nn/pair.h"
#include "zk/nn/pool.h"
#include "zk/nn/reduce.h"
#include "zk/nn/softmax.h"
#include "zk/nn/tensor.h"
#include "zk/nn/tree.h"
#include "zk/nn/unit.h"
