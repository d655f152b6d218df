// SPDX-License-Identifier: 0BSD
// Packs LANES lanes into slots; each is extended to its slot by its sign or by zeros.
module qc_write_port #(
    parameter int LANES = 1,
    parameter int SLOT = 8,
    parameter int BITS = 8,
    parameter bit SIGNED = 0
) (
    input logic [LANES*BITS-1:0] lanes,
    output logic [LANES*SLOT-1:0] slots
);
    for (genvar i = 0; i < LANES; i++) begin : g_lane
        if (SIGNED) begin : g_sign
            assign slots[i*SLOT+:SLOT] = SLOT'(signed'(lanes[i*BITS+:BITS]));
        end else begin : g_zeros
            assign slots[i*SLOT+:SLOT] = SLOT'(lanes[i*BITS+:BITS]);
        end
    end
endmodule
