// Everything of the guest SDK but the neural-network library (<zk/nn.h>) and <zk/commitment.h>, which takes longer
// to compile than all others.
#pragma once

#include <zk/blake3.h>
#include <zk/check.h>
#include <zk/embed.h>
#include <zk/io.h>
#include <zk/sha256.h>
