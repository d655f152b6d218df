// SPDX-License-Identifier: 0BSD
// One more code of one lane of a pool: combinational. A sum wraps at OUT_BITS.
module qc_pool_lane #(
    parameter bit          LARGEST = 1'b0,
    parameter int unsigned IN_BITS = 8,
    parameter bit          IN_SIGNED = 1'b1,
    parameter int unsigned OUT_BITS = 8,
    parameter bit          OUT_SIGNED = 1'b1
) (
    input  logic                first,   // nothing came earlier
    input  logic [OUT_BITS-1:0] earlier,
    input  logic [ IN_BITS-1:0] in,
    output logic [OUT_BITS-1:0] result
);
    logic [OUT_BITS-1:0] code;

    if (IN_SIGNED) begin : extend
        assign code = OUT_BITS'(signed'(in));
    end else begin : extend
        assign code = OUT_BITS'(in);
    end

    if (!LARGEST) begin : sum
        assign result = (first ? '0 : earlier) + code;
    end else begin : largest
        logic larger;
        if (OUT_SIGNED) begin : compare
            assign larger = signed'(code) > signed'(earlier);
        end else begin : compare
            assign larger = code > earlier;
        end
        assign result = first || larger ? code : earlier;
    end
endmodule
