"""Cases whose outputs are not the runtime's: the greatest distance, and why. Cases that quantisers make and `import`
refuses: parts of the error line."""

DIFFERS = {
    name: (
        1,
        "ReduceMean is an integer rule of ours; here every eighth mean is a tie, and the runtime's float32 decides it",
    )
    for name in ("reduce_mean_u8", "reduce_mean_s8")
}
REFUSED = {
    "gemm_op_bias_of_each_row": "qgemm1 & bias",
    "gemm_qdq_bias_of_all": "gemm1 & bias",
    "static_squeeze_and_excite_op": "globalaveragepool1 & HardSwish",
}
