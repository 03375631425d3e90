// Symbolic Cholesky analysis, done once for a sparsity pattern: elimination tree, supernodes, and
// where every number of the multifrontal factorisation will lie (Duff, Reid 1983; Liu 1992).
#pragma once

#include <vector>

#include "m4dl/linalg/ordering.hpp"

namespace m4dl {

// Columns first..first+width-1 of L, stored as a dense (height, width) panel by rows. The first
// `width` rows are the diagonal block; the others are listed in `rows`.
struct Supernode {
    Index first = 0, width = 0, height = 0;
    Index rows = 0;                        // into Symbolic::rows: `height` permuted row indices
    Index panel = 0;                       // offset of the panel, in entries
    Index update = 0;                      // offset of the (height-width)^2 update matrix
    Index entries = 0, entries_end = 0;    // into Symbolic::source and ::target
    Index children = 0, children_end = 0;  // into Symbolic::children
    Index relative = 0;    // into Symbolic::relative: rows below, as rows of the parent
    Index into_panel = 0;  // how many of those fall on the parent's own columns
};

struct Symbolic {
    Index size = 0;
    Order order;                   // order[k] = original index eliminated at step k
    std::vector<Supernode> nodes;  // children before parents
    std::vector<Index> rows, relative, children;
    std::vector<Index> source, target;  // matrix entry -> offset within its panel
    Index panel_entries = 0;            // nonzeros stored for L
    Index update_entries = 0;           // workspace of the update matrices
    double flops = 0;                   // multiply-adds of one factorisation
};

// Analyses `pattern` eliminated in the given order.
Symbolic analyse(const LowerPattern& pattern, Order order);

// The cheapest of nested dissection, by coordinates (size, d) if there are any and by graph
// distances, and minimum degree.
Symbolic analyse(const LowerPattern& pattern, const Matrix& coordinates);

}  // namespace m4dl
