"""Cases whose outputs are not the runtime's: the greatest distance, and why. Cases that quantisers make and `import`
refuses: parts of the error line."""

DIFFERS = {
    name: (
        1,
        "ReduceMean is an integer rule of ours; here every eighth mean is a tie, and the runtime's float32 decides it",
    )
    for name in ("reduce_mean_u8", "reduce_mean_s8")
} | {
    name: (1, f"the runtime computes {what} in float32, where it is not quantised at once: near ties")
    for name, what in (
        ("float_relu_and_average_pool", "the mean of what Relu gives"),
        ("float_conv_u8_to_s8", "a convolution of uint8 to int8"),
        ("float_conv_and_flatten", "a convolution that a Flatten follows"),
        ("float_flatten_and_gemm", "a product that a Flatten precedes"),
        ("float_conv_and_constant", "a convolution and a constant behind it"),
    )
}
REFUSED = {
    "gemm_op_bias_of_each_row": "qgemm1 & bias",
    "gemm_qdq_bias_of_all": "gemm1 & bias",
    "static_squeeze_and_excite_op": "globalaveragepool1 & HardSwish",
}
