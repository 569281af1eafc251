// Everything of the guest SDK but the neural-network library (<zk/nn/...>).
#pragma once

#include <zk/check.h>
#include <zk/embed.h>
#include <zk/io.h>
