// SPDX-License-Identifier: 0BSD
// Control of a pipeline of DEPTH registers that stalls as a whole.
// A step fires when the words it reads are valid and the pipeline moves on; where it writes, its
// result is valid at the output DEPTH cycles later.
module qc_stages #(
    parameter int unsigned DEPTH = 1
) (
    input  logic clk,
    input  logic rst,
    input  logic given,      // every word that the step at hand reads is valid
    input  logic writes,     // the step at hand writes
    input  logic out_ready,
    output logic out_valid,
    output logic advance,    // every register of the pipeline moves on
    output logic fire        // the step at hand is done
);
    logic [DEPTH-1:0] full;

    assign out_valid = full[DEPTH-1];
    assign advance = !out_valid || out_ready;
    assign fire = advance && given;

    always_ff @(posedge clk)
        if (rst) full <= '0;
        else if (advance) full <= DEPTH'({full, fire && writes});
endmodule
