// The build's description of itself, and random numbers as tests and benchmarks look at them.
#include "arrays.hpp"
#include "m4dl/base/philox.hpp"
#include "m4dl/base/simd.hpp"

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
}

}  // namespace m4dl::bind
