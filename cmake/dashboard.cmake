# The dashboard (dashboard/), built by Vite, as a C++ source with its files: see gateway/page_files.h.
find_program(NODE NAMES node nodejs REQUIRED)
find_program(NPM npm)
if(NOT NPM)
  message(FATAL_ERROR "npm is not there, which the dashboard is built by: run 'make deps' first")
endif()

# The source that has to be added to the target of this folder.
function(drover_dashboard source)
  set(here ${CMAKE_SOURCE_DIR}/dashboard)
  set(modules ${here}/node_modules/.package-lock.json)
  set(page ${CMAKE_BINARY_DIR}/dashboard)
  set(vite ${NODE} ${here}/node_modules/vite/bin/vite.js build --logLevel warn --outDir ${page})
  file(GLOB_RECURSE inputs CONFIGURE_DEPENDS ${here}/src/* ${here}/progress/* ${here}/public/*)
  add_custom_command(OUTPUT ${modules}
    COMMAND ${CMAKE_SOURCE_DIR}/deps/node_modules.sh ${here}
    DEPENDS ${here}/package-lock.json
    COMMENT "Installing what the dashboard is built by")
  add_custom_command(OUTPUT ${source}
    COMMAND ${vite} --emptyOutDir
    COMMAND ${vite} --config vite.progress.config.ts
    COMMAND ${NODE} pack.mjs ${page} ${source}
    WORKING_DIRECTORY ${here}
    DEPENDS ${modules} ${inputs} ${here}/index.html ${here}/vite.config.ts ${here}/vite.progress.config.ts
            ${here}/tsconfig.json ${here}/pack.mjs
    COMMENT "Building the dashboard")
endfunction()
