// SPDX-License-Identifier: 0BSD
// One axis of a walk through a memory: what its place adds to the address. STRIDE a place, or the
// table in STEPS where one is named. Goes on with `step`; `last` marks its last place.
module qc_move_axis #(
    parameter int unsigned     SIZE = 2,
    parameter int unsigned     BITS = 8,
    parameter logic [BITS-1:0] STRIDE = '0,
    parameter                  STEPS = ""
) (
    input  logic            clk,
    input  logic            rst,
    input  logic            step,
    output logic [BITS-1:0] offset,
    output logic            last
);
    localparam int unsigned AT_BITS = SIZE > 1 ? $clog2(SIZE) : 1;
    logic [AT_BITS-1:0] at;

    qc_counter #(.LIMIT(SIZE)) u_places (.clk, .rst, .step, .count(at), .last);

    if (STEPS != "") begin : walk
        logic [BITS-1:0] offsets[SIZE];
        initial $readmemh(STEPS, offsets);
        assign offset = offsets[at];
    end else begin : walk
        logic unused;
        assign unused = &{1'b0, at};
        always_ff @(posedge clk)
            if (rst) offset <= '0;
            else if (step) offset <= last ? '0 : offset + STRIDE;
    end
endmodule
