// The only converter between NumPy arrays and the core's types. Batches are (rows, size) in C
// order; rows become lanes.
#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include "gil.hpp"
#include "m4dl/base/parallel.hpp"
#include "m4dl/linalg/sparse_rows.hpp"
#include "m4dl/linalg/transform.hpp"

namespace m4dl::bind {

namespace py = pybind11;

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;
using Integers = py::array_t<std::int64_t, py::array::c_style | py::array::forcecast>;

inline Vector to_vector(const Array& a) {
    require(a.ndim() == 1, "expected a vector, got ", a.ndim(), " dimensions");
    return Eigen::Map<const Vector>(a.data(), a.shape(0));
}
inline Matrix to_matrix(const Array& a) {
    require(a.ndim() == 2, "expected a matrix, got ", a.ndim(), " dimensions");
    return Eigen::Map<const Matrix>(a.data(), a.shape(0), a.shape(1));
}
inline std::vector<Index> to_indices(const Integers& a) {
    return std::vector<Index>(a.data(), a.data() + a.size());
}
inline Basis to_basis(const std::string& name) {
    require(name == "dct1" || name == "dct2" || name == "dst1",
            "basis must be dct1, dct2 or dst1, got ", name);
    return name == "dct1" ? Basis::kDct1 : name == "dct2" ? Basis::kDct2 : Basis::kDst1;
}
inline Array to_array(const Matrix& m) {
    Array out({m.rows(), m.cols()});
    Eigen::Map<Matrix>(out.mutable_data(), m.rows(), m.cols()) = m;
    return out;
}
inline Array to_array(const Vector& v) { return Array(v.size(), v.data()); }

// A sparse matrix by its entries, in any order; repeated ones add up.
struct Triplets {
    Index rows, columns;
    Integers row, column;
    Array value;

    std::vector<Entry> entries() const {
        require(row.size() == value.size() && column.size() == value.size(),
                "rows, columns and values must have the same length");
        std::vector<Entry> out;
        out.reserve(static_cast<std::size_t>(value.size()));
        for (py::ssize_t k = 0; k < value.size(); ++k)
            out.push_back({row.data()[k], column.data()[k], value.data()[k]});
        return out;
    }
    SparseRows compressed() const { return SparseRows(rows, columns, entries()); }
};

// A batch (rows, size) cut into blocks of lanes.
inline void load_lanes(const Array& batch, Index first, Index count, Block& out) {
    const Index size = batch.shape(1);
    out.resize(size, kLanes);
    const double* from = batch.data() + first * size;
    for_rows(size, [&](Index k) {
        for (Index lane = 0; lane < kLanes; ++lane)  // idle lanes repeat the last row
            out(k, lane) = from[std::min(lane, count - 1) * size + k];
    });
}
inline void store_lanes(const Block& block, Index first, Index count, double* batch) {
    for_rows(block.rows(), [&](Index k) {
        for (Index lane = 0; lane < count; ++lane)
            batch[(first + lane) * block.rows() + k] = block(k, lane);
    });
}

// Runs body(first, count) for blocks of rows of a batch, in parallel, without the GIL.
template <class Body>
void for_lanes(Index rows, int threads, Body&& body, Threads where = Threads::kAcrossBlocks) {
    const Released gil;
    parallel_for((rows + kLanes - 1) / kLanes, threads,
                 [&](Index b) { body(b * kLanes, std::min(kLanes, rows - b * kLanes)); }, where);
}

// body(first, count, in, out) on blocks of lanes of the batches `ins`, (rows, any size) each, and of
// those that it fills: (rows, any size), or (rows) for one number a row.
template <class Body>
void over_lanes(Index rows, const std::vector<const Array*>& ins, const std::vector<Array*>& outs,
                int threads, Body&& body, Threads where = Threads::kAcrossBlocks) {
    struct Rows {
        double* data;
        Index size;
    };
    std::vector<Rows> to;
    for (Array* out : outs)
        to.push_back({out->mutable_data(), out->ndim() == 1 ? 1 : out->shape(1)});
    for_lanes(
        rows, threads,
        [&](Index first, Index count) {
            std::vector<Block> in(ins.size()), out;
            for (std::size_t k = 0; k < ins.size(); ++k) load_lanes(*ins[k], first, count, in[k]);
            for (const Rows& r : to) out.push_back(Block::Zero(r.size, kLanes));
            body(first, count, std::as_const(in), out);
            for (std::size_t k = 0; k < to.size(); ++k)
                store_lanes(out[k], first, count, to[k].data);
        },
        where);
}

inline Index batch_rows(const char* name, const Array& a, Index size) {
    require(a.ndim() == 2 && a.shape(1) == size, name, " must have shape (rows, ", size, ")");
    return a.shape(0);
}

}  // namespace m4dl::bind
