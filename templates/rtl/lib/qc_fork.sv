// SPDX-License-Identifier: 0BSD
// Tells OUTPUTS readers of one word; it leaves when all of them are ready. Latency 0.
module qc_fork #(
    parameter int OUTPUTS = 2
) (
    input logic in_valid,
    output logic in_ready,
    output logic [OUTPUTS-1:0] out_valid,
    input logic [OUTPUTS-1:0] out_ready
);
    assign in_ready = &out_ready;
    for (genvar i = 0; i < OUTPUTS; i++) begin : g_output
        logic [OUTPUTS-1:0] others;
        assign others = out_ready | OUTPUTS'(1 << i);
        assign out_valid[i] = in_valid && &others;
    end
endmodule
