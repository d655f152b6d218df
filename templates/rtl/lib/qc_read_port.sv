// SPDX-License-Identifier: 0BSD
// Unpacks a word of LANES slots: each lane is the low BITS bits of its slot.
module qc_read_port #(
    parameter int LANES = 1,
    parameter int SLOT = 8,
    parameter int BITS = 8
) (
    input logic [LANES*SLOT-1:0] slots,
    output logic [LANES*BITS-1:0] lanes
);
    logic unused;
    assign unused = &{1'b0, slots};
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        assign lanes[i*BITS+:BITS] = slots[i*SLOT+:BITS];
    end
endmodule
