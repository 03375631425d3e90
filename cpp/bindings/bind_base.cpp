// The build's description of itself, and the pieces of base and linalg that tests and benchmarks
// look at on their own.
#include "arrays.hpp"
#include "m4dl/base/philox.hpp"
#include "m4dl/base/simd.hpp"
#include "m4dl/linalg/cholesky.hpp"
#include "m4dl/linalg/transform.hpp"

#define M4DL_STRING_(x) #x
#define M4DL_STRING(x) M4DL_STRING_(x)

namespace m4dl::bind {
namespace {

using namespace pybind11::literals;

py::dict build_info() {
    py::dict d;
    d["version"] = M4DL_STRING(M4DL_VERSION);
    d["compiler"] =
#if defined(__clang__)
        "Clang " __clang_version__;
#else
        "GCC " __VERSION__;
#endif
    d["flags"] = M4DL_FLAGS;
    d["build_type"] = M4DL_BUILD_TYPE;
    d["isa"] = simd::level_name();
    d["openmp"] = have_openmp();
    d["threads"] = resolve_threads(0);
    d["lanes"] = kLanes;
    d["eigen"] = M4DL_STRING(EIGEN_WORLD_VERSION) "." M4DL_STRING(
        EIGEN_MAJOR_VERSION) "." M4DL_STRING(EIGEN_MINOR_VERSION);
    d["pybind11"] = M4DL_STRING(PYBIND11_VERSION_MAJOR) "." M4DL_STRING(PYBIND11_VERSION_MINOR);
    return d;
}

// Solves one sparse system per lane: values (kLanes, nonzeros of the lower triangle).
Array sparse_cholesky_solve(Index size, const Integers& row, const Integers& column,
                            const Array& values, const Array& rhs, const Array& coordinates) {
    require(values.ndim() == 2 && values.shape(0) == kLanes && values.shape(1) == row.size(),
            "values must have shape (", kLanes, ", ", row.size(), ")");
    require(batch_rows("rhs", rhs, size) == kLanes, "rhs must have ", kLanes, " rows");
    LowerPattern pattern;
    Block a, x, scratch;
    for (Index lane = 0; lane < kLanes; ++lane) {
        const Array own(row.size(), values.data(lane, 0));
        LowerMatrix matrix = lower_matrix(size, to_entries(row, column, own));
        a.resize(matrix.pattern.nonzeros(), kLanes);
        a.col(lane) = matrix.values.array();
        pattern = std::move(matrix.pattern);
    }
    load_lanes(rhs, 0, kLanes, x);
    Cholesky<kLanes> factor(std::make_shared<Symbolic>(analyse(pattern, to_matrix(coordinates))));
    factor.factor(a.data());
    factor.solve(x, scratch);
    Array out({kLanes, size});
    store_lanes(x, 0, kLanes, out.mutable_data());
    return out;
}

// Transforms the middle axis of a field (rows, outer * n * inner); rows become lanes, one block after
// another with all threads inside.
Array line_transform(const std::string& basis, bool to_values, Index outer, Index n, Index inner,
                     const Array& fields, int threads) {
    const LineTransform transform(to_basis(basis), n);
    require(outer > 0 && inner > 0, "outer and inner must be positive, got ", outer, " and ",
            inner);
    const Index rows = batch_rows("fields", fields, outer * n * inner);
    Array out({rows, fields.shape(1)});
    double* to = out.mutable_data();
    const Released release;
    parallel_for((rows + kLanes - 1) / kLanes, threads,
                 [&](Index b) {
                     const Index first = b * kLanes, count = std::min(kLanes, rows - first);
                     Block x, buffer;
                     load_lanes(fields, first, count, x);
                     buffer.setZero(transform.buffer_rows(x.rows()), kLanes);
                     transform.apply(to_values ? Direction::kToValues : Direction::kToCoefficients,
                                     {x.data(), x.data(), outer, inner}, {}, buffer);
                     store_lanes(x, first, count, to);
                 },
                 Threads::kInsideBlocks);
    return out;
}

}  // namespace

void bind_base(py::module_& m) {
    m.def("build_info", &build_info);
    m.def(
        "philox4x32",
        [](const std::array<std::uint32_t, 4>& counter, const std::array<std::uint32_t, 2>& key) {
            return philox4x32(counter, key);
        },
        "counter"_a, "key"_a);
    m.def(
        "normals",
        [](std::uint64_t seed, Index first_chain, std::uint64_t step, Index count) {
            Block out = Block::Zero(count, kLanes);
            {
                const Released release;
                Random(seed, first_chain).normals(Stream::kProposal, step, out);
            }
            return to_array(Matrix(out.matrix()));
        },
        "seed"_a, "first_chain"_a, "step"_a, "count"_a,
        "The proposal normals (count, lanes) of one step of a block of chains.");
    m.def("sparse_cholesky_solve", &sparse_cholesky_solve, "size"_a, "row"_a, "column"_a,
          "values"_a, "rhs"_a, "coordinates"_a);
    m.def("line_transform", &line_transform, "basis"_a, "to_values"_a, "outer"_a, "n"_a, "inner"_a,
          "fields"_a, "threads"_a = 1);
}

}  // namespace m4dl::bind
